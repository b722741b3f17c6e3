//! Outputs as variables of a job, outside GitHub: their names, and what a system cannot take.
//!
//! Owns: names, what is left out, and that it is said. Does not own: what a system can take, nor how it is told.

/// The name of the output `name` as a variable of a job.
pub(super) fn name_of(name: &str) -> String {
    format!("VERSIONER_{}", name.to_uppercase())
}

/// Sorts out of `outputs`, under their names for a job, those that `fits` takes; and gives the line that says which are
/// left out of `place`, or nothing.
pub(super) fn sort_out<'a>(
    outputs: &'a [(&str, String)],
    place: &str,
    mut fits: impl FnMut(&str, &str) -> bool,
) -> (Vec<(String, &'a str)>, String) {
    let named = outputs.iter().map(|(name, value)| (name_of(name), value.as_str()));
    let (taken, left_out): (Vec<_>, Vec<_>) = named.partition(|(name, value)| fits(name, value));
    let names: Vec<String> = left_out.into_iter().map(|(name, _)| name).collect();
    let line = match names.as_slice() {
        [] => String::new(),
        names => format!("versioner: left out of {place}: {}\n", names.join(", ")),
    };
    (taken, line)
}

/// Whether `value` is one line of text, without characters that control anything.
pub(super) fn is_plain_line(value: &str) -> bool {
    !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        let outputs = [("outcome", "blocked".to_owned()), ("url", "x\ny".to_owned())];
        let (taken, line) = sort_out(&outputs, "the file", |_, value| is_plain_line(value));
        assert_eq!(taken, [("VERSIONER_OUTCOME".to_owned(), "blocked")]);
        assert_eq!(line, "versioner: left out of the file: VERSIONER_URL\n");
        assert_eq!(sort_out(&outputs, "the file", |_, _| true).1, "");
    }
}
