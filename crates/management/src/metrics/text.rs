//! Prometheus' text format (exposition format 0.0.4).

use core::fmt::Write;

/// A scrape that is written.
#[derive(Debug)]
pub(crate) struct Text {
    text: String,
    prefix: &'static str,
    name: String,
}

impl Default for Text {
    fn default() -> Self {
        Self::prefixed("rabbitmq_")
    }
}

impl Text {
    /// One in which every name begins so.
    pub(crate) const fn prefixed(prefix: &'static str) -> Self {
        Self { text: String::new(), prefix, name: String::new() }
    }

    /// A metric that goes up and down begins.
    pub(crate) fn gauge(&mut self, name: &str, help: &str) {
        self.begin(name, help, "gauge");
    }

    /// A metric that only grows begins.
    pub(crate) fn counter(&mut self, name: &str, help: &str) {
        self.begin(name, help, "counter");
    }

    fn begin(&mut self, name: &str, help: &str, kind: &str) {
        self.name = format!("{}{name}", self.prefix);
        let name = &self.name;
        self.text.push_str(&format!("# TYPE {name} {kind}\n# HELP {name} {help}\n"));
    }

    /// A value of the metric that was begun.
    pub(crate) fn value(&mut self, labels: &[(&str, &str)], value: u64) {
        self.text.push_str(&self.name);
        write_labels(&mut self.text, labels);
        let _ = writeln!(self.text, " {value}");
    }

    /// A whole histogram: upper bounds in order, and how many values are under each and above the one before it.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, buckets: &[(f64, u64)]) {
        let bounded = buckets.iter().filter(|(bound, _)| bound.is_finite());
        let sum = bounded.map(|(bound, values)| bound * *values as f64).sum();
        self.histogram_of((name, help), &[], buckets, sum);
    }

    /// The same, where the sum of all values is known.
    pub(crate) fn histogram_of(
        &mut self,
        (name, help): (&str, &str),
        labels: &[(&str, &str)],
        buckets: &[(f64, u64)],
        sum: f64,
    ) {
        if buckets.is_empty() {
            return;
        }
        self.begin(name, help, "histogram");
        let mut count = 0;
        for (bound, values) in buckets {
            count += values;
            let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let _ = write!(self.text, "{}_bucket", self.name);
            write_labels(&mut self.text, &[labels, &[("le", &bound)]].concat());
            let _ = writeln!(self.text, " {count}");
        }
        let _ = write!(self.text, "{}_sum", self.name);
        write_labels(&mut self.text, labels);
        let _ = write!(self.text, " {sum}\n{}_count", self.name);
        write_labels(&mut self.text, labels);
        let _ = writeln!(self.text, " {count}");
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

fn write_labels(text: &mut String, labels: &[(&str, &str)]) {
    for (index, (name, value)) in labels.iter().enumerate() {
        text.push(if index == 0 { '{' } else { ',' });
        text.push_str(name);
        text.push_str("=\"");
        for sign in value.chars() {
            match sign {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    if !labels.is_empty() {
        text.push('}');
    }
}
