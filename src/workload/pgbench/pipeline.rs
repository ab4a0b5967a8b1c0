//! Pipelines that cannot work, whatever way a run takes through the script.

use super::{Command, Sql};

/// Whether a run that comes by a command is in a pipeline: on some ways, on all, or on none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ways {
    outside: bool,
    inside: bool,
}

impl Ways {
    fn join(&mut self, other: Self) {
        self.outside |= other.outside;
        self.inside |= other.inside;
    }

    fn always_inside(self) -> bool {
        self.inside && !self.outside
    }

    fn always_outside(self) -> bool {
        self.outside && !self.inside
    }
}

/// Refuses what fails on every way: a pipeline begun in another, ended or synchronised without one, left
/// open, or a result wanted inside of one. With the line. Jumps only lead forward, so one walk is enough.
pub(super) fn check(commands: &[Command]) -> Result<(), (usize, String)> {
    let mut ways = vec![Ways::default(); commands.len() + 1];
    ways[0].outside = true;
    let mut begun = 1;
    for (index, command) in commands.iter().enumerate() {
        let here = ways[index];
        let mut next = here;
        let problem = match command {
            Command::StartPipeline { line } => {
                begun = *line;
                (next.inside, next.outside) = (here != Ways::default(), false);
                here.always_inside()
                    .then_some((*line, "\\startpipeline: already in pipeline mode"))
            }
            Command::SyncPipeline { line } => here
                .always_outside()
                .then_some((*line, "\\syncpipeline: not in pipeline mode")),
            Command::EndPipeline { line } => {
                (next.inside, next.outside) = (false, here != Ways::default());
                here.always_outside()
                    .then_some((*line, "\\endpipeline: not in pipeline mode"))
            }
            Command::Sql(Sql {
                line,
                store: Some(store),
                ..
            }) if here.always_inside() => {
                let problem = if store.all {
                    "\\aset is not allowed in pipeline mode"
                } else {
                    "\\gset is not allowed in pipeline mode"
                };
                Some((*line, problem))
            }
            _ => None,
        };
        if let Some((line, problem)) = problem {
            return Err((line, problem.to_owned()));
        }
        match command {
            Command::Jump { to } => ways[*to].join(next),
            Command::JumpUnless { to, .. } => {
                ways[*to].join(next);
                ways[index + 1].join(next);
            }
            _ => ways[index + 1].join(next),
        }
    }
    if ways[commands.len()].always_inside() {
        return Err((
            begun,
            "\\startpipeline without \\endpipeline: the script ends with pipeline open".to_owned(),
        ));
    }
    Ok(())
}
