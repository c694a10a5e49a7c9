//! An agent of every kind of parameter and action, whose answers the tests choose.

use std::cell::RefCell;

use super::*;

pub(super) static DESCRIPTION: Description = Description {
    name: "dummy",
    version: "0.9",
    short: "Pretends to run something",
    long: "Pretends to run something, for \"tests\" & <other> uses.\n\nSecond paragraph.",
    parameters: &[
        Parameter::new("ip", ParameterKind::Text, "address", "Address to pretend.").required().unique(),
        Parameter::new("cidr_netmask", ParameterKind::Integer { min: 0, max: 128 }, "length", "Prefix length."),
        Parameter::new("netmask", ParameterKind::Text, "length", "Old name of cidr_netmask.").alias_of("cidr_netmask"),
        Parameter::new("scheduler", ParameterKind::Select(&["rr", "wlc"]), "method", "How to choose.").default("wlc"),
        Parameter::new("quiescent", ParameterKind::Boolean, "keep", "Keep at weight 0.").default("yes").reloadable(),
        Parameter::new("wait", ParameterKind::Time, "pause", "How long to wait.").default("500ms"),
        Parameter::new("rise", ParameterKind::Integer { min: 1, max: 9 }, "checks", "Good checks.").default("2"),
        Parameter::new("passwd", ParameterKind::Integer { min: 0, max: 9 }, "password", "A secret.").secret(),
        Parameter::new("arp_sender", ParameterKind::Text, "nothing", "Has no meaning here.").obsolete(),
    ],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10).role(PromotionRole::Unpromoted),
        ActionDefaults::monitor(20, 9).role(PromotionRole::Promoted).start_delay(1),
        ActionDefaults::new(Action::Promote, 20),
        ActionDefaults::new(Action::Demote, 20),
        ActionDefaults::new(Action::Notify, 20),
        ActionDefaults::new(Action::ReloadAgent, 20),
    ],
};

/// The same as [`DESCRIPTION`], without anything optional.
pub(super) static SIMPLE: Description = Description {
    parameters: &[],
    actions: &[
        ActionDefaults::new(Action::Start, 20),
        ActionDefaults::new(Action::Stop, 20),
        ActionDefaults::monitor(20, 10),
    ],
    ..DESCRIPTION
};

pub(super) struct Dummy {
    pub description: &'static Description,
    pub validate: Result<(), Failure>,
    pub result: Result<(), Failure>,
    pub status: Result<Status, Failure>,
    /// What the frame called, in order.
    pub called: RefCell<Vec<String>>,
}

impl Default for Dummy {
    fn default() -> Self {
        Self {
            description: &DESCRIPTION,
            validate: Ok(()),
            result: Ok(()),
            status: Ok(Status::Running),
            called: RefCell::default(),
        }
    }
}

impl Dummy {
    pub fn failing(failure: Failure) -> Self {
        Self { result: Err(failure.clone()), status: Err(failure), ..Self::default() }
    }

    fn act(&self, call: &Call) -> Result<(), Failure> {
        self.called.borrow_mut().push(call.action.to_string());
        self.result.clone()
    }
}

impl Agent for Dummy {
    fn description(&self) -> &'static Description {
        self.description
    }

    fn validate(&self, _: &Call, level: ValidationLevel) -> Result<(), Failure> {
        self.called.borrow_mut().push(format!("validate {level:?}"));
        self.validate.clone()
    }

    fn start(&self, call: &Call) -> Result<(), Failure> {
        self.act(call)
    }

    fn stop(&self, call: &Call) -> Result<(), Failure> {
        self.act(call)
    }

    fn monitor(&self, call: &Call) -> Result<Status, Failure> {
        self.act(call).ok();
        self.status.clone()
    }

    fn reload(&self, call: &Call) -> Result<(), Failure> {
        self.act(call)
    }

    fn notify(&self, call: &Call) -> Result<(), Failure> {
        self.act(call)
    }
}
