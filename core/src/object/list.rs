//! Lists of objects that look like tables: in a terminal, and in a notebook.

use alloc::string::String;
use alloc::vec::{self, Vec};
use core::fmt::{self, Write};
use core::ops::{Deref, DerefMut};
use core::slice;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::plain::visible;

/// What has a line in a table.
pub trait Row {
    /// What the columns are called.
    const COLUMNS: &'static [&'static str];

    /// The cells, one for each column.
    fn cells(&self) -> Vec<Cell>;
}

/// A cell of a table. Whatever its text holds, a table shows it as text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// Text.
    Text(String),
    /// Text that leads to a URL, in HTML.
    Link {
        /// What it says.
        text: String,
        /// Where it leads; nowhere, if that is neither `http://` nor `https://`.
        url: String,
    },
    /// An image, in HTML.
    Image {
        /// What it says where no image can be.
        text: String,
        /// Where it is; no image, if that is neither `http://` nor `https://`.
        url: String,
    },
}

impl Cell {
    /// A cell with what is displayed of a value.
    #[must_use]
    pub fn of(value: impl fmt::Display) -> Self {
        let mut text = String::new();
        // A string takes all that is written.
        let _ = write!(text, "{value}");
        Self::Text(text)
    }

    /// A link.
    #[must_use]
    pub fn link(text: impl Into<String>, url: impl Into<String>) -> Self {
        Self::Link { text: text.into(), url: url.into() }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Link { text, .. } | Self::Image { text, .. } => text,
        }
    }

    /// Writes the cell as HTML on one line.
    pub(super) fn write_html(&self, html: &mut String) {
        match self {
            Self::Link { text, url } if is_web(url) => {
                *html += "<a href=\"";
                escape(url, html);
                *html += "\">";
                escape(text, html);
                *html += "</a>";
            }
            Self::Image { text, url } if is_web(url) => {
                *html += "<img style=\"max-width:20em;max-height:20em\" src=\"";
                escape(url, html);
                *html += "\" alt=\"";
                escape(text, html);
                *html += "\">";
            }
            _ => escape(self.text(), html),
        }
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The text of something that may not be there.
impl<T: fmt::Display> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| Self::Text(String::new()), Self::of)
    }
}

/// A list that is a table where it is displayed; in all else a [`Vec`].
#[derive(Clone, Eq, PartialEq)]
pub struct List<T>(pub Vec<T>);

/// The most columns of a terminal that a cell takes.
const WIDEST: usize = 40;

impl<T: Row> List<T> {
    /// The table as HTML, on one line. All text is escaped.
    #[must_use]
    pub fn html(&self) -> String {
        table::<T>(self.0.iter().map(Row::cells))
    }

    /// What a program writes to its standard output for a notebook of evcxr to show the table (evcxr, Custom display of
    /// types); as text too, for its terminal.
    #[must_use]
    pub fn evcxr(&self) -> String {
        let (text, html) = (alloc::format!("{self}"), self.html());
        evcxr(&text, &html)
    }
}

/// A table as HTML, on one line, of these rows.
pub(super) fn table<T: Row>(rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let mut html = String::from("<table><thead><tr>");
    for name in T::COLUMNS {
        html += "<th>";
        escape(name, &mut html);
        html += "</th>";
    }
    html += "</tr></thead><tbody>";
    for cells in rows {
        html += "<tr>";
        for cell in cells {
            html += "<td>";
            cell.write_html(&mut html);
            html += "</td>";
        }
        html += "</tr>";
    }
    html += "</tbody></table>";
    html
}

/// What evcxr takes for content of two kinds.
pub(super) fn evcxr(text: &str, html: &str) -> String {
    let mut content = String::new();
    for (kind, body) in [("text/plain", text), ("text/html", html)] {
        content += "EVCXR_BEGIN_CONTENT ";
        content += kind;
        content += "\n";
        for line in body.lines() {
            // Nobody's text ends the content.
            content += if line.starts_with("EVCXR_") { " " } else { "" };
            content += line;
            content += "\n";
        }
        content += "EVCXR_END_CONTENT\n";
    }
    content
}

/// The table, its columns aligned, for a terminal with letters of one width. Cells are on one line, at most 40 columns
/// wide; longer ones end with an ellipsis. Control characters are replaced.
impl<T: Row> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|row| row.cells().iter().map(|cell| shortened(cell.text())).collect())
            .collect();
        let widths: Vec<usize> = T::COLUMNS
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width());
                cells.max().unwrap_or(0).max(name.width())
            })
            .collect();
        line(f, T::COLUMNS.iter().copied(), &widths)?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        f.write_char('\n')?;
        line(f, rules.iter().map(String::as_str), &widths)?;
        for row in &rows {
            f.write_char('\n')?;
            line(f, row.iter().map(String::as_str), &widths)?;
        }
        Ok(())
    }
}

/// Writes cells two columns apart, without spaces behind the last.
fn line<'a>(
    f: &mut fmt::Formatter<'_>,
    cells: impl Iterator<Item = &'a str>,
    widths: &[usize],
) -> fmt::Result {
    let mut owed = 0;
    for (cell, width) in cells.zip(widths) {
        let taken = cell.width();
        if taken > 0 {
            (0..owed).try_for_each(|_| f.write_char(' '))?;
            f.write_str(cell)?;
            owed = 0;
        }
        owed += width.saturating_sub(taken) + 2;
    }
    Ok(())
}

/// The beginning of a text on one line, at most [`WIDEST`] columns wide.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut width = 0;
    let mut chars = text.trim().chars().map(visible);
    // Some characters take no column: their number is bounded too.
    for c in chars.by_ref().take(4 * WIDEST) {
        width += c.width().unwrap_or(0);
        if width > WIDEST {
            return ellipsis(short);
        }
        short.push(c);
    }
    if chars.next().is_some() || short.width() > WIDEST { ellipsis(short) } else { short }
}

fn ellipsis(mut short: String) -> String {
    while short.width() >= WIDEST {
        short.pop();
    }
    short.push('…');
    short
}

/// Appends a text so that HTML takes it for text, on one line, within tags and within quotes.
fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match visible(c) {
            '&' => *html += "&amp;",
            '<' => *html += "&lt;",
            '>' => *html += "&gt;",
            '"' => *html += "&quot;",
            '\'' => *html += "&#39;",
            c => html.push(c),
        }
    }
}

impl<T> List<T> {
    /// The objects.
    #[must_use]
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(objects: Vec<T>) -> Self {
        Self(objects)
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(objects: I) -> Self {
        Self(objects.into_iter().collect())
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, objects: I) {
        self.0.extend(objects);
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> vec::IntoIter<T> {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.0.iter_mut()
    }
}

impl<T> AsRef<[T]> for List<T> {
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T: PartialEq<U>, U> PartialEq<Vec<U>> for List<T> {
    fn eq(&self, other: &Vec<U>) -> bool {
        self.0 == *other
    }
}

impl<T: PartialEq<U>, U> PartialEq<[U]> for List<T> {
    fn eq(&self, other: &[U]) -> bool {
        self.0 == *other
    }
}

impl<T: PartialEq<U>, U, const N: usize> PartialEq<[U; N]> for List<T> {
    fn eq(&self, other: &[U; N]) -> bool {
        self.0 == *other
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
