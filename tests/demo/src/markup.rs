//! Turns the job summary into lines of text, as GitHub would lay it out.
//!
//! Understands the forms that the summary has: a Markdown heading, and HTML below it.

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Plain,
    Strong,
    Faint,
    Code,
    Link,
    Good,
    Bad,
    Caution,
}

/// Pieces of text on one line.
pub(crate) type Line = Vec<(Face, String)>;

impl Face {
    /// The terminal's code for it (SGR).
    pub(crate) fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Code => Some("36"),
            Self::Link => Some("34"),
            Self::Good => Some("32"),
            Self::Bad => Some("31"),
            Self::Caution => Some("33"),
        }
    }
}

/// The summary in lines of at most `width` characters.
pub(crate) fn lines(summary: &str, width: usize) -> Vec<Line> {
    let mut layout =
        Layout { width, lines: Vec::new(), text: Vec::new(), faces: vec![Face::Plain], lists: Vec::new(), rows: None };
    for line in summary.lines() {
        match line.strip_prefix("### ") {
            Some(heading) => {
                layout.end_block();
                layout.faces.push(Face::Strong);
                layout.html(heading);
                layout.faces.pop();
                layout.end_block();
            }
            None => layout.html(&format!("{line} ")),
        }
    }
    layout.end_block();
    layout.lines
}

/// Breaks a line at spaces. All lines but the first are indented.
pub(crate) fn wrap(line: &[(Face, String)], width: usize, indent: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = vec![Vec::new()];
    let mut used = 0;
    for (face, text) in line {
        for word in text.split_inclusive(' ') {
            let length = word.trim_end().chars().count();
            if used + length > width && used > indent {
                lines.push(vec![(Face::Plain, " ".repeat(indent))]);
                used = indent;
            }
            used += word.chars().count();
            let Some(line) = lines.last_mut() else { continue };
            match line.last_mut().filter(|(last, _)| last == face) {
                Some((_, text)) => text.push_str(word),
                None => line.push((*face, word.to_owned())),
            }
        }
    }
    lines
}

/// The cells of a table's row.
type Row = Vec<Line>;

struct Layout {
    width: usize,
    lines: Vec<Line>,
    /// The text of the block that is being read.
    text: Line,
    /// The faces of the elements that are open.
    faces: Vec<Face>,
    /// The lists that are open, with the number of the last item, if they have numbers.
    lists: Vec<Option<usize>>,
    rows: Option<Vec<Row>>,
}

impl Layout {
    fn html(&mut self, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            self.push(&rest[..at]);
            let Some(length) = rest[at..].find('>') else { return };
            self.tag(&rest[at + 1..at + length]);
            rest = &rest[at + length + 1..];
        }
        self.push(rest);
    }

    fn push(&mut self, html: &str) {
        let text = unescape(html);
        if text.trim().is_empty() && self.text.is_empty() {
            return;
        }
        self.text.push((self.faces.last().copied().unwrap_or(Face::Plain), text));
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        let opens = !tag.starts_with('/');
        match name {
            "b" | "strong" => self.face(opens, Face::Strong),
            "code" => self.face(opens, Face::Code),
            "a" => self.face(opens, Face::Link),
            "sub" => self.face(opens, Face::Faint),
            "blockquote" => self.quote(opens),
            "ol" | "ul" => self.list(opens, name),
            "li" => self.item(opens),
            "table" => self.table(opens),
            "tr" if opens => self.rows.get_or_insert_default().push(Vec::new()),
            "th" | "td" if !opens => self.cell(name),
            "p" | "pre" | "br" => self.end_block(),
            // Closed on the page.
            "details" => self.end_block(),
            "summary" if opens => self.text.push((Face::Plain, "▸ ".to_owned())),
            "summary" => self.end_block(),
            _ => {}
        }
    }

    fn face(&mut self, opens: bool, face: Face) {
        if opens {
            self.faces.push(face);
        } else {
            self.faces.pop();
        }
    }

    fn quote(&mut self, opens: bool) {
        if opens {
            self.end_block();
            self.text.push((Face::Faint, "▎ ".to_owned()));
        } else {
            self.end_block();
        }
    }

    fn list(&mut self, opens: bool, name: &str) {
        self.end_block();
        if opens {
            self.lists.push((name == "ol").then_some(0));
        } else {
            self.lists.pop();
        }
    }

    fn item(&mut self, opens: bool) {
        self.end_block();
        if !opens {
            return;
        }
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{number}. ")
            }
            _ => "• ".to_owned(),
        };
        self.text.push((Face::Plain, marker));
    }

    fn table(&mut self, opens: bool) {
        self.end_block();
        if opens {
            self.rows = Some(Vec::new());
            return;
        }
        let rows = self.rows.take().unwrap_or_default();
        let length = |cell: &Line| cell.iter().map(|(_, text)| text.chars().count()).sum::<usize>();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0) + 2;
        let widths: Vec<usize> = (1..columns).map(|column| width(column - 1)).collect();
        let indent = widths.iter().sum();
        for row in rows {
            let mut line = Line::new();
            for (column, cell) in row.into_iter().enumerate() {
                let padding = widths.get(column).map_or(0, |width| width - length(&cell));
                line.extend(cell);
                line.push((Face::Plain, " ".repeat(padding)));
            }
            self.lines.extend(wrap(&line, self.width, indent));
        }
    }

    /// Ends a cell.
    fn cell(&mut self, name: &str) {
        let mut cell = std::mem::take(&mut self.text);
        if let Some((_, text)) = cell.last_mut() {
            text.truncate(text.trim_end().len());
        }
        if name == "th" {
            cell.iter_mut().for_each(|(face, _)| *face = Face::Faint);
        }
        if let Some(row) = self.rows.as_mut().and_then(|rows| rows.last_mut()) {
            row.push(cell);
        }
    }

    /// Ends a paragraph, an item or a heading. In a table, its text belongs to the cell.
    fn end_block(&mut self) {
        if self.rows.is_some() || self.text.iter().all(|(_, text)| text.trim().is_empty()) {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let marker = text.first().map_or(0, |(_, first)| first.chars().count());
        let indent = if self.lists.is_empty() { 0 } else { marker };
        self.lines.extend(wrap(&text, self.width, indent));
    }
}

/// Resolves character references.
fn unescape(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(';') else { break };
        let name = &rest[1..end];
        let number = name.strip_prefix('#').and_then(|number| number.parse().ok()).and_then(char::from_u32);
        match number.or(match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            _ => None,
        }) {
            Some(c) => out.push(c),
            None => out.push_str(&rest[..=end]),
        }
        rest = &rest[end + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::lines;

    fn text(summary: &str, width: usize) -> Vec<String> {
        let join = |line: Vec<(super::Face, String)>| line.into_iter().map(|(_, text)| text).collect::<String>();
        lines(summary, width).into_iter().map(join).map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn blocks_of_a_summary_become_lines() {
        let summary = "### Blocked&#58; shop\n\n<p><b>Until 5</b></p>\n<blockquote>No <i>deployments</i></blockquote>\n\
            <table>\n<tr><th align=\"left\">Rule</th><td><code>freeze</code></td></tr>\n<tr><th>Reason</th><td>a b</td></tr>\n\
            </table>\n<ol>\n<li><b>Wait.</b> &lt;here&gt;</li>\n<li>Go on</li>\n</ol>\n<p><sub>HTTP 423</sub></p>\n";
        let expected = [
            "Blocked: shop",
            "Until 5",
            "▎ No deployments",
            "Rule    freeze",
            "Reason  a b",
            "1. Wait. <here>",
            "2. Go on",
            "HTTP 423",
        ];
        assert_eq!(text(summary, 80), expected);
    }

    #[test]
    fn long_lines_are_wrapped_below_their_start() {
        assert_eq!(text("<ul><li>one two three</li></ul>", 10), ["• one two", "  three"]);
        assert_eq!(text("<table><tr><th>K</th><td>one two three</td></tr></table>", 10), ["K  one two", "   three"]);
    }
}
