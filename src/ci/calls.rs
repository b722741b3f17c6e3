//! Variables that a program of the CI system takes one by one.
//!
//! Owns: that all of them together take no longer than one. Does not own: calling a program (`agent`), nor what it is
//! told.

use super::agent::Agent;

/// Calls `agent` for each of `variables`, with what `args` makes of its name and value. All at once, for each call may
/// ask a server.
///
/// # Errors
/// Says how the first that failed did.
pub(super) fn call_for_each(
    agent: &Agent,
    variables: &[(String, &str)],
    args: impl Fn(&str, &str) -> Vec<String>,
) -> Result<(), String> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = variables
            .iter()
            .map(|(name, value)| {
                let args = args(name, value);
                scope.spawn(move || agent.call(&args.iter().map(String::as_str).collect::<Vec<_>>(), ""))
            })
            .collect();
        let ends: Vec<Result<(), String>> =
            calls.into_iter().map(|call| call.join().unwrap_or_else(|_| Err("a call broke off".to_owned()))).collect();
        ends.into_iter().collect()
    })
}
