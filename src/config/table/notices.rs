//! Who is told of changes: files, programs and mails.

use std::borrow::Cow;

use super::{path_text, said, value};
use crate::config::directive::{Directive, Kind, Scope};
use crate::config::words;

pub(super) const NOTICES: &[Directive] = &[
    value("monitorfile", Scope::Section, Kind::Text)
        .declared(|service| path_text(service.notices.monitorfile.as_deref()))
        .parameter("file of check results", "A line for the result of each check is appended to this file."),
    value("fallbackcommand", Scope::Both, Kind::Rest)
        .declared(|service| service.notices.fallbackcommand.as_deref().map(Cow::Borrowed))
        .parameter(
            "program for the fallback",
            "Run through the shell, with start or stop, VIP:PORT and the protocol, when no real server serves any more and when one does again.",
        ),
    value("servicename", Scope::Section, Kind::Rest)
        .declared(|service| said(&service.notices.servicename))
        .parameter("name of the service in mails", "What people call the service: shown in the subject and the text of alert mails."),
    value("comment", Scope::Section, Kind::Rest)
        .declared(|service| said(&service.notices.comment))
        .parameter("comment in mails", "Shown in the text of alert mails."),
    value("emailalert", Scope::Both, Kind::Judged(words::mail_addresses))
        .declared(|service| said(&mail_of(service)?.to))
        .parameter("addresses of alert mails", "Who gets a mail for each change of a real server: addresses, separated by commas."),
    value("emailalertfrom", Scope::Both, Kind::Judged(words::mail_address))
        .declared(|service| said(&mail_of(service)?.from))
        .parameter("sender of alert mails", "The address that alert mails come from. Default: root at this host."),
    value("emailalertfreq", Scope::Both, Kind::AtMost(u32::MAX))
        .default("0")
        .declared(|service| Some(mail_of(service)?.frequency.as_secs().to_string().into()))
        .parameter("time between reminders", "Seconds from one mail about a real server that is away to the next. 0: no reminders."),
    value("emailalertstatus", Scope::Both, Kind::Judged(words::alert_status))
        .default("all")
        .declared(|service| said(&mail_of(service)?.status))
        .parameter("when alert mails are sent", "all, none, or a comma separated list of starting, running, stopping and reloading."),
    value("smtp", Scope::Both, Kind::HostName)
        .default("localhost")
        .declared(|service| said(&mail_of(service)?.relay.host))
        .parameter("mail relay", "The host that takes alert mails."),
    value("smtp_port", Scope::Both, Kind::Port)
        .default("25")
        .declared(|service| Some(mail_of(service)?.relay.port.to_string().into()))
        .parameter("port of the mail relay", "The port of the mail relay: usually 25, 587 for smtp_tls=starttls with a login, 465 for smtp_tls=yes."),
    value("smtp_tls", Scope::Both, Kind::Word(words::smtp_tls))
        .default("no")
        .declared(|service| Some(words::tls_word(mail_of(service)?.relay.tls).into()))
        .parameter("encryption to the mail relay", "no, starttls (from the command STARTTLS on), or yes (from the first byte on)."),
    value("smtp_login", Scope::Both, Kind::Quoted)
        .declared(|service| said(&mail_of(service)?.relay.login))
        .parameter("user at the mail relay", "User name, where the mail relay wants a login."),
    value("smtp_passwd", Scope::Both, Kind::Quoted)
        .secret()
        .declared(|service| said(mail_of(service)?.relay.passwd.reveal()))
        .parameter("password at the mail relay", "Password, where the mail relay wants a login."),
];

fn mail_of(service: &crate::config::Service) -> Option<&crate::config::MailSettings> {
    service.notices.mail.as_deref()
}
