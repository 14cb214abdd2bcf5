//! The next number of a series: never one that anything uses, or ever used (`product.md` §6).

use crate::merge::series::Series;
use crate::model::{Kind, Table};
use crate::state::StateError;

use super::{Arrangement, Arranger};

impl Arranger<'_, '_, '_> {
    /// The next contact number.
    pub(super) fn next_contact_no(&mut self) -> Arrangement<String> {
        match self.scene.config.setup.contact_nos.clone() {
            Some(series) => self.next(Table::Contacts, &series),
            None => Ok(Err(
                "`contact_nos` is not set under [setup]: without a number series no contact is created"
                    .to_owned(),
            )),
        }
    }

    /// The next number of a kind, from a series that its template names or from the kind's own.
    pub(super) fn next_counterpart_no(
        &mut self,
        kind: Kind,
        series: Option<&str>,
    ) -> Arrangement<String> {
        let setup = &self.scene.config.setup;
        let series = match series {
            Some(name) => match setup.series.get(name) {
                Some(series) => series.clone(),
                None => {
                    return Ok(Err(format!(
                        "the template's number series {name} is not set under [series]"
                    )));
                }
            },
            None => match setup.nos(kind) {
                Some(series) => series.clone(),
                None => {
                    return Ok(Err(format!(
                        "`{}` is not set under [setup]: without a number series no {} is created",
                        kind.def().series,
                        kind.def().noun
                    )));
                }
            },
        };
        self.next(Table::Counterparts(kind), &series)
    }

    fn next(&mut self, table: Table, series: &Series) -> Arrangement<String> {
        let last = match self.out.numbered.get(series.first()) {
            Some(last) => Some(last.clone()),
            None => self.scene.store.last_number(series.first())?,
        };
        let mut failure = None;
        let mut used = |no: &str| match self.is_used(table, no) {
            Ok(is_used) => is_used,
            Err(error) => {
                failure = Some(error);
                false
            }
        };
        let next = series.next(last.as_deref(), &mut used);
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(match next {
            Ok(no) => {
                self.out
                    .numbered
                    .insert(series.first().to_owned(), no.clone());
                Ok(no)
            }
            Err(exhausted) => Err(exhausted.to_string()),
        })
    }

    fn is_used(&self, table: Table, no: &str) -> Result<bool, StateError> {
        let key = self.key(no);
        let of_record = self
            .seen(table)
            .is_some_and(|seen| seen.position(key).is_some() || seen.old_position(key).is_some());
        if of_record
            || self.out.birth(table, key).is_some()
            || self.scene.gone.contains(&(table, no.to_owned()))
            || self.is_named(table, key)
        {
            return Ok(true);
        }
        match table {
            Table::Contacts => self.scene.store.is_logged(no),
            _ => self.scene.store.was_created(table.noun(), no),
        }
    }
}
