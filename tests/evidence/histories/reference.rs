//! A naive reference model of one pass over systems that are edited in place, written from `product.md` §5 alone: it knows what
//! each record showed when it was last merged, and says which value everybody has after the pass, or that the field is held.

use std::collections::BTreeSet;

/// Who wins where several sides moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// Nobody.
    Hold,
    /// The contact, where it moved.
    Contact,
    /// The counterparts, where they moved to one value.
    Counterpart,
    /// The first that moved, of these places in the party's order of tables.
    First(&'static [&'static str]),
}

/// One field of one party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// What all agreed on.
    agreed: Option<String>,
    /// What each side showed when it was last merged, in the order of sides.
    bases: Vec<Option<String>>,
    /// What each side said last.
    last: Vec<Option<String>>,
}

/// What must be after a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every side shows this.
    All(String),
    /// Every side shows what it showed before, and the field waits for a person.
    Held,
}

impl Field {
    /// A field that no pass has seen, of so many sides.
    pub fn new(sides: usize) -> Field {
        Field {
            agreed: None,
            bases: vec![None; sides],
            last: vec![None; sides],
        }
    }

    /// Predicts a pass. `sides` are the table and the value of each record, the contact's first; one that says nothing stands by
    /// what it said last.
    pub fn pass(
        &mut self,
        sides: &[(&str, Option<&str>)],
        decided: Option<&str>,
        winner: Winner,
    ) -> Expected {
        for (last, (_, says)) in self.last.iter_mut().zip(sides) {
            *last = says.map(str::to_owned).or(last.take());
        }
        let says = self.last.iter().map(|last| last.as_deref().unwrap_or(""));
        let sides: Vec<(&str, &str)> = sides.iter().map(|(table, _)| *table).zip(says).collect();
        let moved: Vec<(&str, &str)> = sides
            .iter()
            .zip(&self.bases)
            .filter(|((_, shown), base)| match base {
                Some(base) => base != shown && self.agreed.as_deref() != Some(*shown),
                None => !shown.is_empty(),
            })
            .map(|(side, _)| *side)
            .collect();
        let is_meeting = self.agreed.is_none();
        let values: BTreeSet<&str> = moved.iter().map(|(_, value)| *value).collect();
        let value = match (decided, values.len()) {
            (Some(value), _) => Some(value.to_owned()),
            (None, 0) => Some(self.agreed.clone().unwrap_or_default()),
            (None, 1) => values.first().map(|value| (*value).to_owned()),
            (None, _) if is_meeting => None,
            (None, _) => chosen(&moved, winner).map(str::to_owned),
        };
        match value {
            Some(value) => {
                self.agreed = Some(value.clone());
                self.bases.fill(Some(value.clone()));
                self.last.fill(Some(value.clone()));
                Expected::All(value)
            }
            None => Expected::Held,
        }
    }
}

fn chosen<'v>(moved: &[(&str, &'v str)], winner: Winner) -> Option<&'v str> {
    let one_of = |is_named: &dyn Fn(&str) -> bool| {
        let named = moved.iter().filter(|(table, _)| is_named(table));
        let values: BTreeSet<&'v str> = named.map(|(_, value)| *value).collect();
        (values.len() == 1)
            .then(|| values.first().copied())
            .flatten()
    };
    match winner {
        Winner::Hold => None,
        Winner::Contact => one_of(&|table| table == "contacts"),
        Winner::Counterpart => one_of(&|table| table != "contacts"),
        Winner::First(order) => order
            .iter()
            .find_map(|first| one_of(&|table| table == *first)),
    }
}
