//! Answers as tables, as CSV and as JSON.

use serde_json::Value;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Formatter {
    /// Columns with tabs between.
    Table,
    /// Columns with lines around.
    Pretty,
    /// Comma-separated (RFC 4180), all texts quoted.
    Csv,
    /// JSON, an object a line.
    Json,
}

impl Formatter {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "table" | "plain" | "string" | "erlang" | "report" | "inspect" => Self::Table,
            "pretty_table" => Self::Pretty,
            "csv" => Self::Csv,
            "json" | "json_stream" => Self::Json,
            _ => return None,
        })
    }

    /// Whether something may be said before the answer.
    pub(super) fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Pretty)
    }

    /// A table.
    pub(super) fn rows(self, columns: &[String], rows: &[Vec<Value>], headers: bool) -> String {
        match self {
            Self::Json => json(columns, rows),
            Self::Pretty if rows.is_empty() => String::new(),
            Self::Pretty => pretty(columns, rows),
            Self::Table => separated(columns, rows, headers && !rows.is_empty(), "\t", plain),
            Self::Csv => separated(columns, rows, headers && !rows.is_empty(), ",", quoted),
        }
    }

    /// A document: what is in what, by indentation.
    pub(super) fn document(self, value: &Value) -> String {
        match self {
            Self::Json => format!("{value}\n"),
            _ => {
                let mut out = String::new();
                indented(value, 0, &mut out);
                out
            }
        }
    }

    /// One text.
    pub(super) fn text(self, text: &str) -> String {
        match self {
            Self::Json => {
                let result = serde_json::json!({ "result": "ok", "message": text });
                format!("{result}\n")
            }
            _ => format!("{text}\n"),
        }
    }
}

/// RabbitMQ writes rows as they come, so that each has a line of its own.
fn json(columns: &[String], rows: &[Vec<Value>]) -> String {
    let row = |row: &Vec<Value>| {
        let pairs = columns.iter().zip(row);
        let members: Vec<String> =
            pairs.map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
        format!("{{{}}}\n", members.join(","))
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!("[\n{}]\n", rows.join(","))
}

fn separated(
    columns: &[String],
    rows: &[Vec<Value>],
    headers: bool,
    between: &str,
    write: fn(&Value) -> String,
) -> String {
    let mut out = String::new();
    let mut line = |cells: Vec<String>| {
        out.push_str(&cells.join(between));
        out.push('\n');
    };
    if headers {
        line(columns.iter().map(|name| write(&Value::from(name.as_str()))).collect());
    }
    rows.iter().for_each(|row| line(row.iter().map(write).collect()));
    out
}

fn pretty(columns: &[String], rows: &[Vec<Value>]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let width = |index: usize| {
        let widths = cells.iter().map(|row| row[index].chars().count());
        widths.chain([columns[index].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let row = |cells: &[String]| {
        let cells = cells.iter().zip(&widths);
        let parts: Vec<String> = cells.map(|(cell, width)| format!(" {cell:<width$} ")).collect();
        format!("│{}│\n", parts.join("│"))
    };
    let mut out = line("┌", "┬", "┐");
    out.push_str(&row(columns));
    for cells in &cells {
        out.push_str(&line("├", "┼", "┤"));
        out.push_str(&row(cells));
    }
    out.push_str(&line("└", "┴", "┘"));
    out
}

/// A value in a column. Signs that would end a line or a column are escaped.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        // Tables are lists of pairs to RabbitMQ's tools.
        Value::Object(members) => {
            let pair = |(name, value): (&String, &Value)| {
                let value = match value {
                    Value::String(text) => format!("\"{}\"", escaped(text)),
                    other => plain(other),
                };
                format!("{{\"{}\",{value}}}", escaped(name))
            };
            format!("[{}]", members.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for sign in text.chars() {
        match sign {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            control if control.is_control() => {
                out.push_str(&format!("\\x{:02x}", u32::from(control)))
            }
            other => out.push(other),
        }
    }
    out
}

/// A value between commas.
fn quoted(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        other => format!("\"{}\"", plain(other).replace('"', "\"\"")),
    }
}

fn indented(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push_str(&format!("{pad}{name}:\n"));
                        indented(value, depth + 1, out);
                    }
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        out.push_str(&format!("{pad}{name}:\n"));
                        items.iter().for_each(|item| {
                            out.push_str(&format!("{pad}  - {}\n", plain(item)));
                        });
                    }
                    _ => out.push_str(&format!("{pad}{name}: {}\n", plain(value))),
                }
            }
        }
        other => out.push_str(&format!("{pad}{}\n", plain(other))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_formatter_writes_the_same_rows() {
        let columns = ["name".to_owned(), "tags".to_owned()];
        let rows =
            [vec![json!("a\"b"), json!(["x", "y"])], vec![json!("c\td"), json!({ "e": "f" })]];
        let write = |formatter: Formatter| formatter.rows(&columns, &rows, true);
        assert_eq!(write(Formatter::Table), "name\ttags\na\"b\t[x, y]\nc\\td\t[{\"e\",\"f\"}]\n");
        let csv =
            "\"name\",\"tags\"\n\"a\"\"b\",\"[x, y]\"\n\"c\td\",\"[{\"\"e\"\",\"\"f\"\"}]\"\n";
        assert_eq!(write(Formatter::Csv), csv);
        let json = "[\n{\"name\":\"a\\\"b\",\"tags\":[\"x\",\"y\"]}\n,{\"name\":\"c\\td\",\"tags\":{\"e\":\"f\"}}\n]\n";
        assert_eq!(write(Formatter::Json), json);
        assert!(write(Formatter::Pretty).contains("│ a\"b  │ [x, y]      │\n"));
        assert_eq!(Formatter::Table.rows(&columns, &rows[..1], false), "a\"b\t[x, y]\n");
        assert_eq!(Formatter::Table.rows(&columns, &[], true), "");
    }
}
