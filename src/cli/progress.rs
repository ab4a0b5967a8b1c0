//! Progress on standard error, for anything that takes longer than a second.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::context::Context;

/// One line of progress; it vanishes when it is dropped, and a sentence stays.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    bar: ProgressBar,
    context: &'a Context,
}

impl<'a> Progress<'a> {
    /// A step of unknown length.
    pub(super) fn step(context: &'a Context, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, target(context));
        bar.set_style(style("{spinner} {msg} {elapsed:.dim}"));
        Self::start(bar, context, what)
    }

    /// A step of known length.
    pub(super) fn of(context: &'a Context, what: &str, length: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), target(context));
        bar.set_style(style("{bar:24} {msg} {elapsed:.dim}"));
        Self::start(bar, context, what)
    }

    fn start(bar: ProgressBar, context: &'a Context, what: &str) -> Self {
        bar.set_message(what.to_owned());
        if context.progress {
            bar.enable_steady_tick(Duration::from_millis(120));
        } else {
            context.detail(what);
        }
        Self { bar, context }
    }

    /// How far it is, and what is being done.
    pub(super) fn at(&self, position: u64, what: &str) {
        self.bar.set_position(position);
        self.bar.set_message(what.to_owned());
    }

    /// The bar, for a step that reports from another thread.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// The step is over; the sentence stays on the screen.
    pub(super) fn done(self, sentence: &str) {
        self.bar.finish_and_clear();
        if self.context.progress {
            self.context.say(sentence);
        } else {
            self.context.detail(sentence);
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn target(context: &Context) -> ProgressDrawTarget {
    if context.progress {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
