//! Room for as many connections as there are users: each is an open file of this process.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files beside the connections of users (ours): the driver's own, and those of the command.
const OTHERS: u64 = 128;

/// A connection of HTTP and one of WebSocket.
const OF_USER: u64 = 2;

/// Raises this process's own limit as far as the system lets it. Says so where that is not enough.
pub(super) fn make_room(users: u32) -> Option<String> {
    let wanted = u64::from(users) * OF_USER + OTHERS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= wanted {
        return None;
    }
    let raised = wanted.min(hard);
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, raised, hard) {
        Ok(()) => raised,
        Err(_) => soft,
    };
    (limit < u64::from(users) + OTHERS).then(|| {
        format!(
            "this machine lets dbperf have {limit} files open, and {users} users may need more connections than \
             that: raise the limit (ulimit -n), or use several machines"
        )
    })
}
