//! How many connections the server has to give.

use crate::record::Run;
use crate::record::server::Server;

/// Share of the usable connections that stays free for migrations, people and monitoring.
const HEADROOM_RATIO: f64 = 0.2;

/// Connections that ordinary roles can have: `max_connections − superuser_reserved_connections −
/// reserved_connections` (16+). `None` where a setting is not visible.
#[must_use]
pub fn usable_connections(server: &Server) -> Option<u32> {
    let number = |name: &str| server.setting(name).and_then(|v| v.parse::<u32>().ok());
    let reserved = number("reserved_connections").unwrap_or(0);
    let all = number("max_connections")?;
    let superuser = number("superuser_reserved_connections")?;
    Some(all.saturating_sub(superuser).saturating_sub(reserved))
}

/// What is left for the pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) usable: u32,
    pub(super) others: u32,
    pub(super) per_instance: u32,
}

/// `⌊(usable − others) · (1 − headroom) ÷ instances⌋`; `None` where the settings are not visible.
pub(super) fn budget(run: &Run, others: u32, instances: u32) -> Option<Budget> {
    let usable = usable_connections(run.server.as_ref()?)?;
    let left = f64::from(usable.saturating_sub(others)) * (1.0 - HEADROOM_RATIO);
    let each = (left / f64::from(instances.max(1))).floor();
    Some(Budget {
        usable,
        others,
        per_instance: crate::stats::round_to_count(each),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::{run, server};
    use crate::record::Millis;

    #[test]
    fn the_worked_budgets() {
        // 200 − 3 − 12 others = 185; 100 − 3 − 2 − 10 = 85; with 20 % headroom.
        for (max, reserved, others, instances, usable, each) in [
            ("200", "0", 12, 8, 197, 18),
            ("100", "2", 10, 8, 95, 8),
            ("100", "0", 5, 18, 97, 4),
        ] {
            let mut run = run(Millis(1.0));
            run.server = Some(server(
                &[
                    ("max_connections", max),
                    ("superuser_reserved_connections", "3"),
                    ("reserved_connections", reserved),
                ],
                None,
            ));
            let found = budget(&run, others, instances).unwrap();
            assert_eq!((found.usable, found.per_instance), (usable, each));
        }
    }

    #[test]
    fn invisible_settings_are_no_budget() {
        let mut run = run(Millis(1.0));
        run.server = Some(server(&[("max_connections", "100")], None));
        assert_eq!(budget(&run, 0, 1), None);
    }
}
