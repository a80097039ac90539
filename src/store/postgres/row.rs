//! Rows as diesel reads them.

use std::{error::Error, num::NonZeroU32, ops::Range, sync::Arc};

use diesel::{
    pg::{Pg, PgValue},
    row::{Field, PartialRow, RowIndex, RowSealed},
};
use tokio_postgres::types::{FromSql, Type};

/// Rows, which diesel reads one by one.
pub struct RowCursor {
    rows: std::vec::IntoIter<tokio_postgres::Row>,
    types: Arc<[NonZeroU32]>,
}

impl RowCursor {
    pub(super) fn new(rows: Vec<tokio_postgres::Row>) -> Self {
        let columns = rows.first().map_or(&[][..], tokio_postgres::Row::columns);
        // No type has the number 0, so none is passed over.
        let types = columns.iter().filter_map(|column| NonZeroU32::new(column.type_().oid())).collect();
        Self { rows: rows.into_iter(), types }
    }
}

impl Iterator for RowCursor {
    type Item = diesel::QueryResult<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next().map(|row| Ok(Row { row, types: Arc::clone(&self.types) }))
    }
}

/// A row and the numbers of its columns' types.
pub struct Row {
    row: tokio_postgres::Row,
    types: Arc<[NonZeroU32]>,
}

/// A field of one.
pub struct FieldValue<'a> {
    name: &'a str,
    bytes: Option<&'a [u8]>,
    type_number: &'a NonZeroU32,
}

impl RowSealed for Row {}

impl<'a> diesel::row::Row<'a, Pg> for Row {
    type Field<'f>
        = FieldValue<'f>
    where
        'a: 'f,
        Self: 'f;
    type InnerPartialRow = Self;

    fn field_count(&self) -> usize {
        self.row.len()
    }

    fn get<'b, I>(&'b self, index: I) -> Option<Self::Field<'b>>
    where
        'a: 'b,
        Self: RowIndex<I>,
    {
        let index = self.idx(index)?;
        let Raw(bytes) = self.row.try_get(index).ok()?;
        Some(FieldValue { name: self.row.columns().get(index)?.name(), bytes, type_number: self.types.get(index)? })
    }

    fn partial_row(&self, range: Range<usize>) -> PartialRow<'_, Self> {
        PartialRow::new(self, range)
    }
}

impl RowIndex<usize> for Row {
    fn idx(&self, index: usize) -> Option<usize> {
        (index < self.row.len()).then_some(index)
    }
}

impl<'a> RowIndex<&'a str> for Row {
    fn idx(&self, name: &'a str) -> Option<usize> {
        self.row.columns().iter().position(|column| column.name() == name)
    }
}

impl<'a> Field<'a, Pg> for FieldValue<'a> {
    fn field_name(&self) -> Option<&str> {
        Some(self.name)
    }

    fn value(&self) -> Option<PgValue<'_>> {
        self.bytes.map(|bytes| PgValue::new(bytes, self.type_number))
    }
}

/// A field's bytes as they came.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
