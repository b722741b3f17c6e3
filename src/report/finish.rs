//! Messages of `finish` about the open deployments of a job.

use crate::text::Foreign;

/// No deployment is open.
pub const NOTHING_IS_OPEN: &str = "nothing is open: every deployment that this job started is closed";

/// There is no journal.
pub const NO_DIRECTORY: &str =
    "nothing is open: started deployments are not noted, because there is no directory for them (spool_dir)";

/// The title of the error about a journal that cannot be used.
pub const UNUSABLE_TITLE: &str = "The open deployments of this job cannot be read: nothing was finished";

/// The error about a journal that cannot be used.
#[must_use]
pub fn unusable_message(error: &str) -> String {
    format!("{error}.\nDo: correct that, or set spool_dir to another directory.")
}

/// The CI system `system` does not say which job execution this is.
#[must_use]
pub fn unknown_job(system: &str) -> String {
    format!(
        "nothing was finished: this execution of the job cannot be identified ({system}), so its deployments are not known. \
         Report the end with 'versioner track deployment --status …', or wrap the deployment with 'versioner run'."
    )
}

/// The number of deployments of this job that another process still handles.
#[must_use]
pub fn held(count: usize) -> String {
    format!("left open, because another versioner process of this job still handles them: {count}")
}

/// The number of open deployments of other job executions.
#[must_use]
pub fn of_other_jobs(count: usize) -> String {
    format!("left open: {} of other job executions", deployments(count))
}

/// The number of open deployments of another API key or address.
#[must_use]
pub fn of_another_key(key: &Foreign, count: usize) -> String {
    format!("left open: {} of another API key or address, {key}", deployments(count))
}

/// `1 deployment`, `2 deployments`.
fn deployments(count: usize) -> String {
    match count {
        1 => "1 deployment".to_owned(),
        count => format!("{count} deployments"),
    }
}
