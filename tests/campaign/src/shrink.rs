//! Makes a failing schedule small: removes what the failure does not need.

use crate::schedule::Schedule;

/// The smallest schedule that still fails, according to `fails`, which is asked at most `budget` times.
pub(crate) fn shrink(schedule: &Schedule, mut budget: usize, mut fails: impl FnMut(&Schedule) -> bool) -> Schedule {
    let mut smallest = schedule.clone();
    loop {
        let mut progress = false;
        for candidate in candidates(&smallest) {
            if budget == 0 {
                return smallest;
            }
            budget -= 1;
            if fails(&candidate) {
                smallest = candidate;
                progress = true;
                break;
            }
        }
        if !progress {
            return smallest;
        }
    }
}

/// Schedules that are a little smaller, the smallest first.
fn candidates(schedule: &Schedule) -> Vec<Schedule> {
    let mut candidates = Vec::new();
    let mut add = |change: &dyn Fn(&mut Schedule)| {
        let mut candidate = schedule.clone();
        change(&mut candidate);
        if candidate != *schedule {
            candidates.push(candidate);
        }
    };
    for at in 0..schedule.steps.len() {
        add(&|it| drop(it.steps.remove(at)));
    }
    for (at, step) in schedule.steps.iter().enumerate() {
        for call in 0..step.calls.len() {
            if step.calls.len() > 1 {
                add(&|it| drop(it.steps[at].calls.remove(call)));
            }
        }
        for entry in 0..step.script.len() {
            add(&|it| drop(it.steps[at].script.remove(entry)));
        }
    }
    add(&|it| it.github = false);
    add(&|it| it.rules_on_started = true);
    for (at, step) in schedule.steps.iter().enumerate() {
        add(&|it| it.steps[at].outage = false);
        for call in 0..step.calls.len() {
            add(&|it| it.steps[at].calls[call].signal = None);
            add(&|it| it.steps[at].calls[call].settings.debug = false);
            add(&|it| it.steps[at].calls[call].settings.wait = false);
            add(&|it| it.steps[at].calls[call].settings.require_gate = false);
            add(&|it| it.steps[at].calls[call].settings.retries = 0);
        }
        for entry in 0..step.script.len() {
            add(&|it| it.steps[at].script[entry].pause = crate::reply::PauseHeader::None);
            add(&|it| it.steps[at].script[entry].wrong_date = None);
            add(&|it| it.steps[at].script[entry].delay_ms = 0);
        }
    }
    candidates
}
