//! Relations that stand in columns of other tables (`product.md` §6).

use crate::merge::Rule;
use crate::merge::coupling::{Relation, kind_of};
use crate::model::{CONTACT_RELATION, KINDS, Kind, Row, Table};
use crate::state::StateError;
use crate::sync::observe::Seen;

use super::{Arranger, OwnCell, canonical, cell};

/// A relation that stands in a column of another table, and that changed there.
#[derive(Clone, Debug)]
pub(super) struct ColumnMove {
    table: Table,
    no: String,
    column: &'static str,
    from: String,
    to: String,
}

/// The columns of a table in which relations stand.
pub(super) fn relation_columns(seen: &Seen<'_>) -> Vec<&'static str> {
    let Some(export) = &seen.export else {
        return Vec::new();
    };
    let names: Vec<&'static str> = match seen.table {
        Table::Contacts => KINDS.iter().map(|kind| kind.relation_column).collect(),
        Table::Counterparts(_) => vec![CONTACT_RELATION],
        Table::Relations | Table::Templates(_) | Table::Lookup(_) => Vec::new(),
    };
    let has = |name: &&'static str| {
        let pinned = seen.config.pins(name);
        pinned
            && seen
                .table
                .column(name)
                .is_some_and(|column| export.columns.has(column))
    };
    names.into_iter().filter(has).collect()
}

/// What became of one of these columns.
pub(super) fn column_move(
    table: Table,
    no: &str,
    column: &&'static str,
    row: &Row,
    base: Option<&Row>,
) -> Option<ColumnMove> {
    let from = base.map_or(String::new(), |base| canonical(cell(table, base, column)));
    let to = canonical(cell(table, row, column));
    (from != to).then(|| ColumnMove {
        table,
        no: no.to_owned(),
        column,
        from,
        to,
    })
}

impl Arranger<'_, '_, '_> {
    /// Where relations stand in columns of other tables, the cell is the relation there: it names the other record, or nobody
    /// any more.
    pub(super) fn name_in_columns(
        &mut self,
        contact: &str,
        kind: Kind,
        no: &str,
        is_coupled: bool,
    ) {
        let table = Table::Counterparts(kind);
        let sides = [
            (table, no, CONTACT_RELATION, contact),
            (Table::Contacts, contact, kind.def().relation_column, no),
        ];
        for (table, of, column, value) in sides {
            let has = self
                .seen(table)
                .is_some_and(|seen| relation_columns(seen).contains(&column));
            if has {
                self.out.cells.push(OwnCell {
                    table,
                    no: of.to_owned(),
                    column,
                    value: if is_coupled { value } else { "" }.to_owned(),
                    rule: Rule::Relation,
                    contact: contact.to_owned(),
                });
            }
        }
    }

    /// A column in which a relation stands was changed: the old relation goes, the new one comes.
    pub(super) fn follow_column(&mut self, moved: &ColumnMove) -> Result<(), StateError> {
        let ends = |other: &str| match moved.table {
            Table::Counterparts(kind) => Some((kind, other.to_owned(), moved.no.clone())),
            _ => KINDS
                .iter()
                .position(|kind| kind.relation_column == moved.column)
                .map(|at| (Kind(at as u8), moved.no.clone(), other.to_owned())),
        };
        if !moved.from.is_empty()
            && let Some((kind, contact, no)) = ends(&moved.from)
            && self.counterpart_of(&contact, kind)?.as_deref() == Some(no.as_str())
        {
            let codes = &self.scene.config.setup.codes;
            let rows = self.rows_of(&contact)?.into_iter().map(|(_, row)| row);
            let rows: Vec<Relation> = rows
                .filter(|row| row.no == no && kind_of(row, codes) == Ok(Some(kind)))
                .collect();
            for row in rows {
                self.part(&row, kind);
            }
            self.concern(&contact);
        }
        if moved.to.is_empty() {
            return Ok(());
        }
        let Some((kind, contact, no)) = ends(&moved.to) else {
            return Ok(());
        };
        if self.scene.config.setup.code(kind).is_none()
            || self.counterpart_of(&contact, kind)?.as_deref() == Some(no.as_str())
        {
            return Ok(());
        }
        let missing = match (
            self.row(Table::Contacts, &contact)?,
            self.row(Table::Counterparts(kind), &no)?,
        ) {
            (None, _) => Some(format!("there is no contact {contact}")),
            (_, None) => Some(format!("there is no {} {no}", kind.def().noun)),
            _ => None,
        };
        let reason = format!(
            "the {} of {} {} says so",
            moved.column,
            moved.table.noun(),
            moved.no
        );
        let refusal = match missing {
            Some(missing) => Some(missing),
            None => self.relate(&contact, kind, &no, reason)?.err(),
        };
        match refusal {
            None => {
                self.concern(&contact);
            }
            Some(refusal) => {
                let of_record = (moved.table, moved.no.clone());
                let kept = self.out.troubled.entry(of_record).or_default();
                kept.push(moved.column);
                self.trouble(
                    moved.table,
                    &moved.no,
                    "refused-relation",
                    refusal,
                    "correct the column; until then it couples nothing",
                );
            }
        }
        Ok(())
    }
}
