//! Real servers: each becomes a line.

use std::net::IpAddr;

use super::address;
use super::block::Statement;
use super::checker::{self, Checker};
use super::timing::Timing;
use crate::convert::{Place, Remark};
use crate::model::ForwardingMethod;

/// What a virtual server says for all of its real servers.
pub(super) struct Defaults<'a> {
    pub method: ForwardingMethod,
    pub weight: String,
    pub virtualhost: Option<&'a Statement>,
    pub timing: Timing,
    pub inhibits: bool,
    pub is_tcp: bool,
}

/// One real server.
pub(super) struct RealServer {
    pub place: Place,
    pub address: IpAddr,
    /// As written; 0 where it is not.
    pub port: u16,
    method: ForwardingMethod,
    weight: String,
    upper: Option<String>,
    lower: Option<String>,
    pub checker: Option<Checker>,
    /// Its own word, if it has one.
    pub timing: Timing,
    pub inhibits: bool,
}

impl RealServer {
    pub fn read(statement: &Statement, defaults: &Defaults, remarks: &mut Vec<Remark>) -> Option<Self> {
        let (address, port) = match address::target(statement, 1) {
            Ok(target) => target,
            Err(why) => {
                remarks.push(statement.left_out(why));
                return None;
            }
        };
        let virtualhost = statement.find("virtualhost").or(defaults.virtualhost);
        let mut real = Self {
            place: statement.place.clone(),
            address,
            port,
            method: defaults.method,
            weight: defaults.weight.clone(),
            upper: None,
            lower: None,
            checker: checker::read(statement, virtualhost, defaults.is_tcp, remarks),
            timing: Timing::default(),
            inhibits: defaults.inhibits,
        };
        let mut timing = Timing::default();
        for inner in &statement.block {
            if !timing.take(inner, remarks) {
                real.take(inner, remarks);
            }
        }
        let own = real.checker.as_ref().map(|checker| checker.timing.clone()).unwrap_or_default();
        real.timing = own.inside(&timing).inside(&defaults.timing);
        Some(real)
    }

    fn take(&mut self, statement: &Statement, remarks: &mut Vec<Remark>) {
        let first = || statement.argument(1).map(str::to_owned);
        match statement.keyword() {
            "weight" => self.weight = first().unwrap_or_default(),
            // 0 is no threshold.
            "uthreshold" => self.upper = first().filter(|value| value != "0"),
            "lthreshold" => self.lower = first().filter(|value| value != "0"),
            "lvs_method" | "lb_kind" => match address::forwarding(statement.arguments()) {
                Ok(method) => self.method = method,
                Err(why) => remarks.push(statement.left_out(why)),
            },
            "inhibit_on_failure" => self.inhibits = statement.is_on(),
            "notify_up" | "notify_down" => {
                remarks.push(statement.left_out("no program runs for a single real server: emailalert sends a mail"));
            }
            "smtp_alert" | "virtualhost" => {}
            "snmp_name" => {
                remarks.push(statement.left_out("there is no SNMP: lvs-agents status --json has the figures"));
            }
            "BFD_CHECK" | "FILE_CHECK" => remarks.push(statement.left_out("no check of this kind")),
            keyword if checker::is_checker(keyword) => {}
            _ => remarks.push(statement.unknown()),
        }
    }

    /// The value of its line, without and with the question that is its own. Packets behind a mark, and those that are not
    /// masqueraded, keep their port.
    pub fn line(&self, virtual_port: Option<u16>, question: Option<(&str, &str)>) -> (String, String) {
        let masquerades = self.method == ForwardingMethod::Masq;
        let port = match virtual_port {
            Some(virtual_port) if !masquerades || self.port == 0 => virtual_port,
            None if !masquerades => 0,
            _ => self.port,
        };
        let mut line =
            format!("{} {} {}{}", address::place(self.address, port), self.method, self.weight, self.method.options());
        for (letter, threshold) in [("l", &self.lower), ("u", &self.upper)] {
            if let Some(threshold) = threshold {
                line += &format!(" {letter}:{threshold}");
            }
        }
        let written = Some(self.port).filter(|port| *port != 0);
        let asked =
            self.checker.as_ref().filter(|checker| checker.asks_port).and_then(|checker| checker.port.or(written));
        let checkport =
            asked.filter(|asked| *asked != port).map(|port| format!(" checkport:{port}")).unwrap_or_default();
        let own = question.map(|(request, receive)| format!(" \"{request}\",\"{receive}\"")).unwrap_or_default();
        (format!("{line}{checkport}"), format!("{line}{own}{checkport}"))
    }
}
