//! What the directives of the whole file say of the process, and those of a section of who is told.

use std::sync::Arc;
use std::time::Duration;

use super::section::Outside;
use super::written::{Effective, Values};
use super::{Global, LogTarget, MailSettings, Notices, Relay, SmtpTls};
use crate::model::Secret;

pub(super) fn global(outside: &Outside) -> Global {
    let values = Effective { section: &Values::default(), outside: &outside.values };
    Global {
        autoreload: values.flag("autoreload"),
        supervised: values.flag("supervised"),
        callback: values.path("callback"),
        metrics: values.text("metrics").parse().ok(),
        observe_group: values.written("observe_group").map(|_| values.text("observe_group").into()),
        logfile: values.written("logfile").map(|_| LogTarget::from(values.text("logfile").to_owned())),
        executed: outside.executed.clone(),
    }
}

pub(super) fn notices(values: Effective) -> Notices {
    let text = |name| Some(values.text(name)).filter(|text| !text.is_empty()).map(Box::from);
    Notices {
        monitorfile: values.path("monitorfile"),
        fallbackcommand: text("fallbackcommand"),
        servicename: values.text("servicename").into(),
        comment: values.text("comment").into(),
        mail: text("emailalert").map(|to| Arc::new(mail(to, values))),
    }
}

fn mail(to: Box<str>, values: Effective) -> MailSettings {
    let tls = match values.text("smtp_tls") {
        "starttls" => SmtpTls::Starttls,
        "yes" => SmtpTls::Yes,
        _ => SmtpTls::No,
    };
    MailSettings {
        to,
        from: values.text("emailalertfrom").into(),
        frequency: Duration::from_secs(values.number("emailalertfreq").into()),
        status: values.text("emailalertstatus").into(),
        relay: Relay {
            host: values.text("smtp").into(),
            port: values.number("smtp_port").try_into().unwrap_or(25),
            tls,
            login: values.text("smtp_login").into(),
            passwd: Secret::new(values.text("smtp_passwd")),
        },
    }
}
