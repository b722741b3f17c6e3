//! The annotations of a job: those workflow commands of its log that GitHub keeps.

/// An annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubAnnotation {
    /// `notice`, `warning` or `failure`.
    pub level: String,
    /// The title.
    pub title: String,
    /// The message.
    pub message: String,
}

/// GitHub keeps so many annotations of each level and step.
const LIMIT: usize = 10;

impl GitHubAnnotation {
    /// A notice.
    pub fn notice(title: &str, message: &str) -> Self {
        Self { level: "notice".to_owned(), title: title.to_owned(), message: message.to_owned() }
    }

    /// The annotations that GitHub keeps of a step that printed `log`. Values of `secrets` are masked.
    pub(crate) fn of_log(log: &str, secrets: &[String]) -> Vec<Self> {
        let mut kept: Vec<Self> = Vec::new();
        for mut annotation in log.lines().filter_map(parse) {
            for secret in secrets {
                annotation.title = annotation.title.replace(secret, "***");
                annotation.message = annotation.message.replace(secret, "***");
            }
            if kept.iter().filter(|other| other.level == annotation.level).count() < LIMIT {
                kept.push(annotation);
            }
        }
        kept
    }
}

/// Parses `::notice title=…::message`, as the runner does.
fn parse(line: &str) -> Option<GitHubAnnotation> {
    let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let level = match name {
        "notice" | "warning" => name,
        "error" => "failure",
        _ => return None,
    };
    let unescape = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
    let title = properties.split(',').find_map(|pair| pair.trim().strip_prefix("title=")).unwrap_or_default();
    let title = unescape(title).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
    let message = unescape(message).replace("%25", "%");
    Some(GitHubAnnotation { level: level.to_owned(), title, message })
}
