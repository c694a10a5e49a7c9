//! The observe socket: a second way to ask, for a group that `observe_group` names. Nothing can be changed through it.
//!
//! It has a thread and limits of its own: nothing that is done to it reaches the control socket. Each user has some places
//! for peers, so that one who takes all of his keeps no other one out; a peer has one deadline for its question and its
//! answer together; and the loop is asked once a second at most, however many ask.

mod peers;

use std::fs::{Permissions, set_permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::time::sleep;

use super::control::ControlCall;
use super::event::{Event, Sink, SinkNews, TellLoop};
use super::view::LivenessView;
use crate::system::{ObservedFolder, group};
use peers::Answers;

/// What the thread works on, as its troubles name it.
const OBJECT: &str = "observe_group";

/// The pause after a fault: a group may be added, and a folder be made writable.
const RETRY: Duration = Duration::from_secs(5);
/// How often the thread looks whether its folder and socket are still there.
const LOOK: Duration = Duration::from_secs(1);

/// A group as the configuration names it.
type GroupName = Option<Arc<str>>;

/// The sink that says to the thread which group may observe.
pub struct Observe {
    /// The group when the configuration names none.
    default: GroupName,
    group: watch::Sender<GroupName>,
}

impl Observe {
    /// Starts the thread. `forward` gives the loop a request, `tell` what is wrong.
    ///
    /// # Errors
    /// Fails when the thread cannot be started.
    pub fn start(
        default: Option<&str>,
        folder: ObservedFolder,
        view: LivenessView,
        forward: impl Fn(ControlCall) -> bool + Send + Sync + 'static,
        tell: TellLoop,
    ) -> Result<Self> {
        let default: GroupName = default.map(Arc::from);
        let (group, wanted) = watch::channel(default.clone());
        let answers = Arc::new(Answers::new(view, Box::new(forward)));
        // A loop that hangs keeps a few threads waiting, however many ask.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(2).build().context("start a runtime")?;
        std::thread::Builder::new()
            .name("observe".into())
            .spawn(move || runtime.block_on(serve(wanted, folder, answers, tell)))
            .context("start its thread")?;
        Ok(Self { default, group })
    }
}

impl Sink for Observe {
    fn receive(&mut self, event: &Event<'_>) {
        let Event::ConfigurationApplied { config, .. } = event else { return };
        let wanted = config.global.observe_group.as_deref().map(Arc::from).or_else(|| self.default.clone());
        self.group.send_if_modified(|group| std::mem::replace(group, wanted.clone()) != wanted);
    }
}

/// Opens and closes the folder as `wanted` says, and answers in it, as long as the loop lives.
async fn serve(mut wanted: watch::Receiver<GroupName>, folder: ObservedFolder, answers: Arc<Answers>, tell: TellLoop) {
    let mut told = None;
    loop {
        let group = wanted.borrow_and_update().clone();
        let opened = open(&folder, group.as_deref());
        let trouble = opened.as_ref().err().map(|error| format!("{error:#}"));
        if trouble != told {
            told.clone_from(&trouble);
            if !tell(SinkNews::until_told(OBJECT, trouble)) {
                return;
            }
        }
        let changed = match opened {
            Ok(Some(listener)) => tokio::select! {
                changed = wanted.changed() => changed,
                () = until_gone(&folder) => Ok(()),
                () = peers::accept(&listener, &answers) => return,
            },
            Ok(None) => wanted.changed().await,
            Err(_) => tokio::select! {
                changed = wanted.changed() => changed,
                () = sleep(RETRY) => Ok(()),
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Opens the folder for the group, and the socket in it; without a group it closes both.
fn open(folder: &ObservedFolder, name: Option<&str>) -> Result<Option<UnixListener>> {
    let path = folder.socket();
    let Some(name) = name else {
        folder.share(None)?;
        remove(&path)?;
        return Ok(None);
    };
    let number = group::number(name).with_context(|| format!("{name}: find the group in /etc/group"))?;
    let Some(number) = number else {
        // Neither the group before nor another one may look meanwhile.
        folder.share(None)?;
        anyhow::bail!("{name}: find the group: /etc/group has none of this name");
    };
    folder.create()?;
    folder.share(Some(number))?;
    remove(&path)?;
    let listener = UnixListener::bind(&path).with_context(|| format!("{}: listen", path.display()))?;
    // The folder says who gets here.
    set_permissions(&path, Permissions::from_mode(0o666))
        .with_context(|| format!("{}: set its mode", path.display()))?;
    Ok(Some(listener))
}

fn remove(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if !matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(cause).with_context(|| format!("{}: remove", path.display()))
        }
        _ => Ok(()),
    }
}

/// Waits until the folder is not what this thread has made of it: the run directory may be removed at any time.
async fn until_gone(folder: &ObservedFolder) {
    while folder.socket().exists() && folder.group().is_some() {
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests;
