//! From the rows of a view to row structs: one field per column of the same name.

use tokio_postgres::Row;

use crate::pg::catalog::View;
use crate::pg::{Param, PgError, Session};

/// Builds a row struct from columns named as its fields. A field may name its own reader, such as
/// `total_exec_time: millis`; the others are read as the type that they have.
macro_rules! columns {
    ($row:expr, $view:expr => $type:ident { $($field:ident $(: $read:path)?),+ $(,)? }) => {
        $type { $($field: columns!(@one $row, $view, $field $(, $read)?)),+ }
    };
    (@one $row:expr, $view:expr, $field:ident) => {
        crate::pg::column::get($row, $view, stringify!($field))?
    };
    (@one $row:expr, $view:expr, $field:ident, $read:path) => {
        $read($row, $view, stringify!($field))?
    };
}
pub(super) use columns;

/// Reads a view and turns every row with `build`, which also gets the view's name for errors.
pub(super) async fn read_view<T>(
    session: &Session,
    view: &View,
    params: &[Param<'_>],
    build: impl Fn(&Row, &str) -> Result<T, PgError>,
) -> Result<Vec<T>, PgError> {
    session.read_each(view, params, build).await
}
