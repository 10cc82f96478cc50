//! The climb with any command and any shim: nobody cooperates, the observer sees. What it could not see is undetermined.

mod binds;
mod called;
mod calls;
mod compared;
mod correct;
mod device;
mod evidence;
mod forwards;
mod layers;
mod lines;
mod loads;
mod model;
mod parties;
mod prediction;
mod recursion;
mod run;
mod survives;

use std::ffi::OsString;

use crate::interpose::{Library, Role};
use crate::probe::{Ended, Ending};

use super::call::Call;
use super::climbed::Climb;
use super::error::ClimbError;
use super::rung::{Answer, Rung};
use super::setup::{Deployment, Setup};
use super::stage::Stage;
use super::witness::{Seen, Witness};
use calls::Calls;
use evidence::{Counted, Evidence};
use run::Run;

/// Runs the command natively, then shimmed, observed both times, and judges.
pub(super) fn climb(
    setup: &Setup,
    stage: &Stage<'_>,
    (shim, runtime): (&Library, Option<&Library>),
    command: &[OsString],
    ground: Seen,
) -> Result<Climb, ClimbError> {
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let native = match setup.native && setup.deploy != Deployment::Itself {
        true => Some(Run::of(stage, stage.native(command).map_err(unusable)?, "native", setup)?),
        false => None,
    };
    let child = stage.shimmed(command).map_err(unusable)?.env("XDOCTOR_COUNTERS", stage.file("shimmed", "shim.%p"));
    let mut climbed = Climb::new(child.command_line(), ground, native.as_ref().map(|run| run.ended.clone()));
    if let Some(native) = &native
        && let Some(answer) = hopeless(native, stage, setup, runtime, command)?
    {
        climbed.stop_with(answer);
        return Ok(climbed);
    }
    // Shimmed against shimmed is always the same, whatever the shim does.
    let native = native.filter(|run| !run.holds(shim));
    climbed.native = climbed.native.filter(|_| native.is_some());
    let environment = run::environment(&child);
    let shimmed = Run::of(stage, child, "shimmed", setup)?;
    let counters = Counted::read(stage, "shimmed");
    let mut evidence = Evidence::gather(setup, shim.clone(), runtime, (native, shimmed), counters);
    if setup.deploy != Deployment::Itself {
        evidence.prediction = Some(prediction::of(&evidence, &environment));
    }
    climbed.judge(&evidence);
    climbed.device = climbed.device.take().or_else(|| evidence.device().map(ToOwned::to_owned));
    climbed.lines = lines::counted(&evidence.shimmed.ended, &setup.trace_lines);
    climbed.prediction = evidence.prediction.map(|model| model.said);
    Ok(climbed)
}

/// What there is to say of a command that never runs without the shim.
pub const NEVER_NATIVE: &str = "the run that was to be without the shim had it, too: the command brings it in by itself (a link under \
                                the runtime's name, LD_PRELOAD, /etc/ld.so.preload). Take it out there, and let xdoctor put it in";

/// Why the shim cannot be judged, where the command fails without it, or finds no device.
fn hopeless(
    native: &Run,
    stage: &Stage<'_>,
    setup: &Setup,
    runtime: Option<&Library>,
    command: &[OsString],
) -> Result<Option<Answer>, ClimbError> {
    let ended = &native.ended;
    let failed = !ended.ending.is_well();
    if ended.ending == Ending::Interrupted {
        return Ok(Some(Answer::Undetermined("interrupted".to_owned())));
    }
    if setup.skip_exit.is_some() && ended.exit() == setup.skip_exit {
        return Ok(Some(declined(ended, setup)));
    }
    // A program that falls back to the CPU ends well and launches nothing.
    if (failed || !native.computes(&setup.api))
        && let Some(actual) = device::missing(runtime, native, setup)
    {
        return Ok(Some(Answer::without_device(&actual, setup.require_gpu)));
    }
    if !failed {
        return Ok(None);
    }
    let said = ended.last_word().map(|word| format!(": {word}")).unwrap_or_default();
    let unusable = |source| ClimbError::Scratch { path: setup.scratch.clone(), source };
    let alone = setup.until_enough(stage.native(command).map_err(unusable)?).run()?;
    let reason = if alone.ending.is_well() {
        format!("the command ends well alone, and not while it is observed ({}{said})", ended.ending)
    } else {
        format!("the command fails without the shim, too ({}{said})", ended.ending)
    };
    Ok(Some(Answer::Undetermined(reason)))
}

/// The command's own reason not to run here: its last line on stdout.
fn declined(ended: &Ended, setup: &Setup) -> Answer {
    let reason = ended.own_reason();
    if reason.contains("device") {
        Answer::without_device(&reason, setup.require_gpu)
    } else {
        Answer::Skipped(None, reason)
    }
}

impl Witness for Evidence<'_> {
    fn answer(&self, rung: Rung) -> Seen {
        match rung {
            Rung::Present | Rung::Loads => loads::judge(self),
            Rung::Binds => binds::judge(self),
            Rung::Called => called::judge(self),
            Rung::Forwards => forwards::judge(self),
            Rung::Correct => correct::judge(self),
            Rung::Survives => survives::judge(self),
        }
    }

    fn calls(&self) -> Vec<Call> {
        let (arrived, past, forwarded) = (self.arrived(), self.past(), self.forwarded());
        let onward = forwarded.iter().flatten().map(|(symbol, _)| symbol);
        let mut symbols: Vec<&String> = arrived.keys().chain(past.keys()).chain(onward).collect();
        symbols.sort();
        symbols.dedup();
        let count = |calls: &Calls, symbol: &String| Some(calls.get(symbol).copied().unwrap_or_default());
        let unseen = self.catches_lookups();
        let call = |symbol: &String| Call {
            symbol: symbol.clone(),
            role: self.setup.api.role(symbol),
            shim: count(&arrived, symbol).filter(|count| *count > 0 || !unseen),
            runtime: forwarded.as_ref().and_then(|calls| count(calls, symbol)),
            past: count(&past, symbol),
        };
        symbols.into_iter().map(call).filter(|call| call.shim.max(call.runtime).max(call.past) > Some(0)).collect()
    }

    fn needed(&self) -> Vec<Role> {
        self.roles().into_iter().collect()
    }

    fn proves(&self, role: Role, calls: &[Call]) -> bool {
        let sum = |count: fn(&Call) -> Option<u64>| -> u64 {
            calls.iter().filter(|call| call.role == role).filter_map(count).sum()
        };
        let arrives = sum(|call| call.shim) > 0 || self.catches_lookups();
        arrives && sum(|call| call.past) == 0 && sum(|call| call.runtime) > 0
    }

    fn shimmed(&self) -> &Ended {
        &self.shimmed.ended
    }
}
