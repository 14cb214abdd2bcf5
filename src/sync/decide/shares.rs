//! Many parties are decided side by side: each core has a share of them, and the shares are put together in their order, so that
//! the result is what one core would have made.

use crate::state::StateError;
use crate::sync::observe::diff::PrintMap;
use crate::sync::spread::in_parts;

use super::Decided;
use super::family::Families;
use super::notes::Notes;
use super::party::{Outcome, decide_party};
use super::world::World;

/// Fewer parties than this are not worth a thread.
const WORTH_A_THREAD: usize = 2_048;

/// What was decided of some parties.
#[derive(Default)]
pub(super) struct Share<'w> {
    pub(super) decided: Decided,
    pub(super) notes: Notes<'w>,
    /// Companies that changed, for their persons.
    pub(super) families: Families,
    /// By key: contacts with another name, their numbers and the names.
    pub(super) renamed: PrintMap<(String, String)>,
    /// Persons who left a company, and the company.
    pub(super) left: Vec<(String, String)>,
    /// Persons who were put off until their companies are decided.
    pub(super) persons: Vec<u64>,
}

impl<'w> Share<'w> {
    /// Decides companies and contacts that are nobody's persons; the others are put off.
    pub(super) fn companies(
        &mut self,
        world: &World<'w>,
        contacts: &[u64],
    ) -> Result<(), StateError> {
        let has_families = world.has_families();
        side_by_side(self, contacts, &|share, contact| {
            let may_be_person = has_families && world.has_persons;
            if may_be_person && world.company_of_person(contact, &mut share.notes).is_some() {
                share.persons.push(contact);
                return Ok(());
            }
            let nobody = Families::default();
            let merged = decide_party(
                world,
                contact,
                &nobody,
                &mut share.decided,
                &mut share.notes,
            )?;
            if let Some(party) = merged {
                share.note(world, contact, &party, has_families);
                if may_be_person {
                    share.families.note(contact, party);
                }
            }
            Ok(())
        })
    }

    /// Decides persons, who take over what changed in their companies.
    pub(super) fn persons(&mut self, world: &World<'w>, persons: &[u64]) -> Result<(), StateError> {
        let families = std::mem::take(&mut self.families);
        let decided = side_by_side(self, persons, &|share, person| {
            let merged = decide_party(
                world,
                person,
                &families,
                &mut share.decided,
                &mut share.notes,
            )?;
            if let Some(party) = merged {
                share.note(world, person, &party, true);
            }
            Ok(())
        });
        self.families = families;
        decided
    }

    fn note(&mut self, world: &World<'_>, contact: u64, party: &Outcome, tells_name: bool) {
        let left = party.left(world).map(|company| (party.no.clone(), company));
        self.left.extend(left);
        let renamed = party.renamed().filter(|_| tells_name);
        self.renamed
            .extend(renamed.map(|name| (contact, (party.no.clone(), name))));
    }

    /// Takes in what another share holds, which comes after this one's.
    fn take_in(&mut self, other: Share<'w>) {
        self.decided.take_in(other.decided);
        self.notes.take_in(other.notes);
        self.families.take_in(other.families);
        self.renamed.extend(other.renamed);
        self.left.extend(other.left);
        self.persons.extend(other.persons);
    }
}

/// Does something with each contact, on as many cores as that pays for.
fn side_by_side<'w>(
    all: &mut Share<'w>,
    contacts: &[u64],
    work: &(dyn Fn(&mut Share<'w>, u64) -> Result<(), StateError> + Sync),
) -> Result<(), StateError> {
    let shares = in_parts(contacts, WORTH_A_THREAD, |contacts| {
        let mut share = Share::default();
        let worked = contacts
            .iter()
            .try_for_each(|contact| work(&mut share, *contact));
        worked.map(|()| share)
    });
    for share in shares {
        all.take_in(share?);
    }
    Ok(())
}
