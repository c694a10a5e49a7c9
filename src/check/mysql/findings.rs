//! What a conversation with a server has brought so far, and what each of those who share it makes of it. Pure.

use std::collections::BTreeMap;

use super::judge;
use super::observation::Observation;
use super::reply::Cause;
use super::wanted::Wanted;
use crate::model::Advice;

/// One thing that is asked, in the order in which it is asked. What a hanging replication can hold up comes last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Login,
    /// What the server is, and how it does.
    State,
    /// The request of the configuration.
    Query,
    /// How far it is behind: by this table of heartbeats, or by its own word.
    Lag(Option<String>),
}

/// What one of those who share a conversation wants of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// `None`: role and state count for nothing.
    pub wanted: Option<Wanted>,
    /// Whether there is a request.
    pub has_query: bool,
}

/// Why one of them has no verdict that lets the server serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// It failed here.
    Failed(Step, Cause),
    /// There is no answer to this step.
    Missing,
}

/// The answers, and the step that is under way or was the last.
#[derive(Debug)]
pub struct Findings {
    pub step: Step,
    answers: BTreeMap<Step, Result<Observation, Cause>>,
}

impl Want {
    /// Returns what has to be asked.
    pub fn steps(&self) -> Vec<Step> {
        let state = self.wanted.as_ref().map(|_| Step::State);
        let query = self.has_query.then_some(Step::Query);
        [Some(Step::Login), state, query, self.lag_step()].into_iter().flatten().collect()
    }

    fn lag_step(&self) -> Option<Step> {
        let lag = self.wanted.as_ref()?.lag.as_ref()?;
        Some(Step::Lag(lag.heartbeat.clone()))
    }
}

impl Findings {
    pub fn new() -> Self {
        Self { step: Step::Login, answers: BTreeMap::new() }
    }

    /// Takes the answer to the step that is under way.
    pub fn note(&mut self, answer: Result<Observation, Cause>) {
        self.answers.insert(self.step.clone(), answer);
    }

    /// Whether the answer to this step can still change what becomes of the server: a statement that changes a row must not be
    /// sent to a server of the wrong role.
    pub fn is_asked_for(&self, step: &Step, wants: &[Want]) -> bool {
        let asks = |want: &&Want| want.steps().contains(step);
        wants.iter().filter(asks).any(|want| !matches!(self.verdict(want), Err(Lack::Failed(..))))
    }

    /// Returns what a server that may serve wants of the director. What is missing or refused counts only for those who want it.
    pub fn verdict(&self, want: &Want) -> Result<Option<Advice>, Lack> {
        self.answer(Step::Login)?;
        let mut advice = None;
        if let Some(wanted) = &want.wanted {
            let mut seen = self.answer(Step::State)?.clone();
            if let Some(Ok(lag)) = want.lag_step().and_then(|step| self.answers.get(&step)) {
                (seen.sources, seen.heartbeat) = (lag.sources.clone(), lag.heartbeat);
            }
            advice = judge::judge(&seen, wanted).map_err(|text| Lack::Failed(Step::State, Cause::answer(text)))?;
        }
        for step in want.steps() {
            self.answer(step)?;
        }
        Ok(advice)
    }

    /// Returns where and why the conversation ended, if an error ended it.
    pub fn end(&self) -> Option<(Step, Cause)> {
        let (step, answer) = self.answers.last_key_value()?;
        Some((step.clone(), answer.as_ref().err()?.clone()))
    }

    /// Whether the server said nothing until the time of one read was over.
    pub fn ended_in_silence(&self) -> bool {
        matches!(self.end(), Some((_, Cause::Silence)))
    }

    fn answer(&self, step: Step) -> Result<&Observation, Lack> {
        match self.answers.get(&step) {
            Some(Ok(seen)) => Ok(seen),
            Some(Err(cause)) => Err(Lack::Failed(step, cause.clone())),
            None => Err(Lack::Missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wanted::{LagBounds, Role};
    use super::*;

    fn want(role: Role, lag: Option<Option<&str>>, has_query: bool) -> Want {
        let bounds =
            |heartbeat: Option<&str>| LagBounds { leave: 10, enter: 10, heartbeat: heartbeat.map(str::to_owned) };
        Want { wanted: Some(Wanted { role, lag: lag.map(bounds), donor_serves: false, busy: None }), has_query }
    }

    fn state(read_only: &str) -> Observation {
        Observation { values: [("read_only".to_owned(), read_only.to_owned())].into(), ..Observation::default() }
    }

    /// Answers all steps that are asked for, in their order, and returns them.
    fn hold(
        findings: &mut Findings,
        wants: &[Want],
        answer: impl Fn(&Step) -> Result<Observation, Cause>,
    ) -> Vec<Step> {
        let steps: std::collections::BTreeSet<Step> = wants.iter().flat_map(Want::steps).collect();
        let mut asked = Vec::new();
        for step in steps {
            if findings.is_asked_for(&step, wants) {
                findings.step = step.clone();
                findings.note(answer(&step));
                asked.push(step);
            }
        }
        asked
    }

    #[test]
    fn one_conversation_serves_all_and_what_one_is_refused_takes_no_other_down() {
        let denied = || Cause::answer("access denied");
        let wants = [
            want(Role::Writer, None, false),
            want(Role::Reader, Some(None), false),
            want(Role::Any, Some(Some("a.b")), false),
            Want { wanted: None, has_query: false },
        ];
        let mut findings = Findings::new();
        let asked = hold(&mut findings, &wants, |step| match step {
            Step::State => Ok(state("OFF")),
            Step::Lag(Some(_)) => Err(denied()),
            _ => Ok(Observation::default()),
        });
        let lag = Step::Lag(Some("a.b".into()));
        assert_eq!(
            asked,
            [Step::Login, Step::State, lag.clone()],
            "a server of the wrong role is not asked for its lag"
        );
        let no_reader = Cause::answer("no reader: it takes writes (read_only=OFF)");
        let verdicts = wants.map(|want| findings.verdict(&want));
        assert_eq!(
            verdicts,
            [Ok(None), Err(Lack::Failed(Step::State, no_reader)), Err(Lack::Failed(lag, denied())), Ok(None)]
        );
    }

    #[test]
    fn a_request_goes_to_a_server_of_the_right_role_only_and_before_the_lag() {
        let both = [want(Role::Writer, None, true), want(Role::Reader, Some(None), true)];
        let login_state_query = [Step::Login, Step::State, Step::Query];
        for (wants, read_only, asked) in [
            (&both[..1], "ON", &login_state_query[..2]),
            (&both[..1], "OFF", &login_state_query),
            (&both, "OFF", &login_state_query),
            (&both, "ON", &[Step::Login, Step::State, Step::Query, Step::Lag(None)]),
        ] {
            let answer = |step: &Step| Ok(if *step == Step::State { state(read_only) } else { Observation::default() });
            assert_eq!(hold(&mut Findings::new(), wants, answer), asked, "{wants:?} {read_only}");
        }
    }

    #[test]
    fn silence_on_the_way_to_the_lag_counts_only_for_those_who_want_it() {
        let mut findings = Findings::new();
        for (step, answer) in [(Step::Login, Observation::default()), (Step::State, state("ON"))] {
            findings.step = step;
            findings.note(Ok(answer));
        }
        findings.step = Step::Lag(None);
        let (any, lagging) = (want(Role::Any, None, false), want(Role::Reader, Some(None), false));
        assert_eq!(findings.verdict(&any), Ok(None));
        assert_eq!(findings.verdict(&lagging), Err(Lack::Missing));
        findings.note(Err(Cause::Silence));
        assert_eq!(findings.verdict(&any), Ok(None));
        assert_eq!(findings.end(), Some((Step::Lag(None), Cause::Silence)));
        for (cause, is_silence) in [(Cause::Silence, true), (Cause::Gone, false), (Cause::answer("denied"), false)] {
            findings.note(Err(cause));
            assert_eq!(findings.ended_in_silence(), is_silence, "{findings:?}");
        }
    }
}
