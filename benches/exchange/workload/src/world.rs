//! The parties of an exchange and what happened to each: every value is a function of the seed and its place.

use crate::random::Rng;

#[rustfmt::skip]
pub const FIRST: [&str; 32] = ["Anna", "Björn", "Carla", "David", "Eva", "François", "Grete", "Hans", "Ines", "Jørgen", "Katherine", "Lars", "María", "Nils", "Olga", "Peter", "Quentin", "Rosa", "Søren", "Tanja", "Ulrich", "Vera", "William", "Xenia", "Yusuf", "Zoë", "Alexander", "Beatrice", "Christopher", "Dorothea", "Emmanuel", "Frederikke"];
#[rustfmt::skip]
pub const LAST: [&str; 32] = ["Andersen", "Bianchi", "Christensen", "Dubois", "Eriksson", "Fischer", "García", "Hansen", "Ibáñez", "Jensen", "Kowalski", "Lindqvist", "Müller", "Nielsen", "O'Connor", "Petersen", "Quist", "Rossi", "Schröder", "Thomsen", "Ullmann", "van der Berg", "Weiß", "Yılmaz", "Zimmermann", "Abercrombie", "Bloomfield", "Carruthers", "Delacroix", "Featherstone", "Goldschmidt", "Hawthorne"];
#[rustfmt::skip]
pub const ADJ: [&str; 24] = ["Nordic", "Blue", "Grand", "United", "Alpine", "Central", "Coho", "Golden", "Harbour", "Imperial", "Kingsway", "Lakeside", "Modern", "Northern", "Oak", "Pacific", "Quality", "Royal", "Southridge", "Trey", "Urban", "Valley", "Western", "Fabrikam"];
#[rustfmt::skip]
pub const NOUN: [&str; 24] = ["Furniture", "Logistics", "Foods", "Software", "Textiles", "Engineering", "Vineyard", "Electronics", "Airlines", "Toys", "Video", "Research", "Consulting", "Metalworks", "Winery", "Bakery", "Design Studio", "Instruments", "Pharmaceuticals", "Bank", "Insurance", "Savings", "Packaging", "Printing"];
#[rustfmt::skip]
pub const SUFFIX: [&str; 8] = ["Ltd.", "A/S", "GmbH", "S.A.", "Inc.", "AB", "B.V.", "Oy"];
#[rustfmt::skip]
pub const STREET: [&str; 20] = ["High Street", "Church Road", "Station Road", "Bahnhofstraße", "Rue de la République", "Nørregade", "Kungsgatan", "Via Roma", "Park Lane", "Mill Lane", "Victoria Avenue", "Industrial Estate Way", "Hauptstraße", "Calle Mayor", "Main Street", "Broadway", "Østerbrogade", "Long Acre", "Market Square", "Queens Drive"];
#[rustfmt::skip]
pub const CITY: [(&str, &str, &str); 20] = [("London", "Greater London", "GB"), ("Manchester", "Lancashire", "GB"), ("København", "", "DK"), ("Aarhus C", "", "DK"), ("Stockholm", "", "SE"), ("Göteborg", "", "SE"), ("Berlin", "", "DE"), ("München", "Bayern", "DE"), ("Hamburg-Altona", "", "DE"), ("Paris", "", "FR"), ("Lyon", "Rhône", "FR"), ("Madrid", "", "ES"), ("Barcelona", "Catalunya", "ES"), ("Roma", "RM", "IT"), ("Milano", "MI", "IT"), ("Chicago", "IL", "US"), ("Atlanta", "GA", "US"), ("Salt Lake City", "UT", "US"), ("Amsterdam", "", "NL"), ("Helsinki", "Uusimaa", "FI")];
#[rustfmt::skip]
pub const LANG: [&str; 10] = ["ENU", "ENG", "DAN", "SVE", "DEU", "FRA", "ESP", "ITA", "NLD", "FIN"];
#[rustfmt::skip]
pub const CURR: [&str; 8] = ["EUR", "USD", "GBP", "DKK", "SEK", "CHF", "NOK", "PLN"];
#[rustfmt::skip]
pub const SALES: [&str; 12] = ["JO", "PS", "LM", "RL", "AH", "BD", "DC", "EH", "HR", "JR", "LT", "MD"];
#[rustfmt::skip]
pub const TERR: [&str; 10] = ["FOREIGN", "MID", "N", "NE", "NWAL", "S", "SCOT", "SWAL", "W", "LND"];
#[rustfmt::skip]
pub const TITLE: [&str; 8] = ["Purchasing Manager", "CEO", "Accountant", "Sales Assistant", "Owner", "IT Manager", "Warehouse Supervisor", "Head of Finance"];

/// Streams of chance: what is drawn from one does not move another.
pub mod stream {
    pub const BASE: u64 = 1;
    pub const CONTACT: u64 = 2;
    pub const COUNTERPART: u64 = 3;
    pub const KIND: u64 = 4;
    pub const FATE: u64 = 5;
    pub const OWN: u64 = 6;
    pub const QUOTE: u64 = 7;
    pub const ORDER: u64 = 8;
    pub const RELATION: u64 = 9;
    pub const FIELDS: u64 = 10;
    pub const SAME_CHANGE: u64 = 11;
}

/// The values of the shared fields.
pub type Shared = [String; 19];

pub fn guid(r: &mut Rng) -> String {
    let (a, b) = (r.next(), r.next());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

/// The shared values of the party of a contact.
pub fn shared(seed: u64, salt: u64, i: u64) -> Shared {
    let mut r = Rng::new(seed, salt, i);
    let person = r.chance(0.3);
    let (first, last) = (r.pick(&FIRST), r.pick(&LAST));
    let (adj, noun, suffix) = (r.pick(&ADJ), r.pick(&NOUN), r.pick(&SUFFIX));
    let name = if person {
        format!("{first} {last}")
    } else {
        match r.below(100) {
            0..=5 => format!("{last}, {} & Co. {suffix}", r.pick(&LAST)),
            6 => format!("The \"{adj}\" {noun} {suffix}"),
            _ => format!("{adj} {last} {noun} {suffix}"),
        }
    };
    let name2 = if r.chance(0.2) {
        format!("{noun} Division {}", r.below(90) + 1)
    } else {
        String::new()
    };
    let number = r.below(400) + 1;
    let street = r.pick(&STREET);
    let address = match r.below(100) {
        0 => format!("Unit {}\n{number} {street}", r.below(40) + 1),
        1..=3 => format!("{street} {number}, {}. tv", r.below(9) + 1),
        _ => format!("{number} {street}"),
    };
    let address2 = if r.chance(0.25) {
        format!(
            "Building {}, Floor {}",
            (b'A' + r.below(8) as u8) as char,
            r.below(20)
        )
    } else {
        String::new()
    };
    let (city, county, country) = CITY[r.below(20) as usize];
    let post = match country {
        "GB" => format!(
            "{}{} {}{}{}",
            (b'A' + r.below(26) as u8) as char,
            r.below(30),
            r.below(10),
            (b'A' + r.below(26) as u8) as char,
            (b'A' + r.below(26) as u8) as char
        ),
        "DK" => format!("{:04}", r.below(10000)),
        "SE" => format!("{:03} {:02}", r.below(1000), r.below(100)),
        "NL" => format!(
            "{:04} {}{}",
            r.below(10000),
            (b'A' + r.below(26) as u8) as char,
            (b'A' + r.below(26) as u8) as char
        ),
        _ => format!("{:05}", r.below(100000)),
    };
    let phone = format!(
        "+{} {:03} {:07}",
        1 + r.below(98),
        r.below(1000),
        r.below(10_000_000)
    );
    let mobile = if r.chance(0.5) {
        format!("0{:09}", r.below(1_000_000_000))
    } else {
        String::new()
    };
    let fax = if r.chance(0.3) {
        format!(
            "+{} {:03} {:07}",
            1 + r.below(98),
            r.below(1000),
            r.below(10_000_000)
        )
    } else {
        String::new()
    };
    let telex = if r.chance(0.02) {
        format!("{:06}", r.below(1_000_000))
    } else {
        String::new()
    };
    let domain = format!(
        "{}-{}{}.example",
        adj.to_lowercase(),
        noun.to_lowercase().replace(' ', ""),
        r.below(1000)
    );
    let email = format!("{}.{}@{domain}", ascii(first), ascii(last));
    let home = if r.chance(0.6) {
        format!("https://www.{domain}/")
    } else {
        String::new()
    };
    let lang = r.pick(&LANG).to_string();
    let curr = if r.chance(0.4) {
        r.pick(&CURR).to_string()
    } else {
        String::new()
    };
    let terr = r.pick(&TERR).to_string();
    let vat = if r.chance(0.6) {
        format!("{country}{:09}", r.below(1_000_000_000))
    } else {
        String::new()
    };
    let reg = if r.chance(0.5) {
        format!("{:08}", r.below(100_000_000))
    } else {
        String::new()
    };
    [
        name,
        name2,
        address,
        address2,
        city.into(),
        post,
        county.into(),
        country.into(),
        phone,
        mobile,
        fax,
        telex,
        email,
        home,
        lang,
        curr,
        terr,
        vat,
        reg,
    ]
}

fn ascii(s: &str) -> String {
    s.chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

pub fn date(r: &mut Rng) -> String {
    format!(
        "20{:02}-{:02}-{:02}",
        15 + r.below(11),
        1 + r.below(12),
        1 + r.below(28)
    )
}

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    None,
    Customer,
    Vendor,
    Bank,
}

impl Kind {
    pub fn table(self) -> &'static str {
        match self {
            Kind::None => "",
            Kind::Customer => "Customer",
            Kind::Vendor => "Vendor",
            Kind::Bank => "Bank Account",
        }
    }
    pub fn code(self) -> &'static str {
        match self {
            Kind::None => "",
            Kind::Customer => "CUST",
            Kind::Vendor => "VEND",
            Kind::Bank => "BANK",
        }
    }
    /// How many of the shared fields this table has (banks lack the last two).
    pub fn fields(self) -> usize {
        if self == Kind::Bank { 17 } else { 19 }
    }
}

/// What happened to one contact and its counterpart since the last sync.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    Same,
    ContactChanged,
    OtherChanged,
    Both,
    ContactGone,
    OtherGone,
    OwnContact,
    OwnOther,
    Inserted,
}

/// What is asked for.
pub struct World {
    pub seed: u64,
    /// Contacts that were there at the last pass.
    pub n: u64,
    /// Contacts that are new.
    pub inserts: u64,
    /// Share of the parties that changed on the contact's side; as many on the other.
    pub rate: f64,
    /// Share that changed on both.
    pub conflicts: f64,
    /// Share of the contacts that are gone; as many counterparts, and as many contacts are new.
    pub edges: f64,
    /// Where not 0, just so many linked records change and nothing else.
    pub inc: u64,
}

/// The shared values that a contact and its counterpart show now, and those that they have after the pass.
pub struct Now {
    pub contact: Option<Shared>,
    pub other: Option<Shared>,
    pub merged: Option<Shared>,
}

impl World {
    pub fn kind(&self, i: u64) -> Kind {
        if i >= self.n && (i - self.n) % 4 == 3 {
            return Kind::None;
        }
        let u = Rng::new(self.seed, stream::KIND, i).below(1000);
        match u {
            0..=399 => Kind::Customer,
            400..=549 => Kind::Vendor,
            550..=599 => Kind::Bank,
            _ if i >= self.n => Kind::Customer,
            _ => Kind::None,
        }
    }

    pub fn fate(&self, i: u64, kind: Kind) -> Fate {
        if i >= self.n {
            return Fate::Inserted;
        }
        if let Some(step) = self.n.checked_div(self.inc) {
            // The first linked contact at or after each of `inc` evenly spaced places
            let place = i / step;
            if place >= self.inc || kind == Kind::None {
                return Fate::Same;
            }
            let first = (place * step..=i).find(|j| self.kind(*j) != Kind::None);
            if first != Some(i) {
                return Fate::Same;
            }
            return if place.is_multiple_of(2) {
                Fate::ContactChanged
            } else {
                Fate::OtherChanged
            };
        }
        let u = (Rng::new(self.seed, stream::FATE, i).next() >> 11) as f64 / (1u64 << 53) as f64;
        let (a, b) = (self.rate, 2.0 * self.rate);
        let c = b + self.conflicts;
        let linked = kind != Kind::None;
        if u < a {
            Fate::ContactChanged
        } else if u < b {
            if linked {
                Fate::OtherChanged
            } else {
                Fate::Same
            }
        } else if u < c {
            if linked { Fate::Both } else { Fate::Same }
        } else if u < c + self.edges {
            Fate::ContactGone
        } else if u < c + 2.0 * self.edges {
            if linked { Fate::OtherGone } else { Fate::Same }
        } else if u < c + 2.0 * self.edges + self.rate / 2.0 {
            if linked { Fate::OwnOther } else { Fate::Same }
        } else if u < c + 2.0 * self.edges + self.rate {
            Fate::OwnContact
        } else {
            Fate::Same
        }
    }

    fn change(&self, base: &Shared, i: u64, salt: u64, fields: &[usize]) -> Shared {
        let alt = shared(self.seed, salt, i);
        let mut r = Rng::new(self.seed, salt + 100, i);
        let mut now = base.clone();
        for &f in fields {
            let v = if f != 0 && r.chance(0.05) {
                String::new()
            } else {
                alt[f].clone()
            };
            now[f] = if v == base[f] { format!("{}9", v) } else { v };
        }
        now
    }

    fn some_fields(&self, i: u64, salt: u64, kind: Kind) -> Vec<usize> {
        let mut r = Rng::new(self.seed, stream::FIELDS + 50 * salt, i);
        let fields = if kind == Kind::None {
            19
        } else {
            kind.fields()
        };
        let count = 1 + r.below(3);
        let mut v: Vec<usize> = Vec::new();
        while (v.len() as u64) < count {
            let f = r.below(fields as u64) as usize;
            if !v.contains(&f) {
                v.push(f);
            }
        }
        v
    }

    pub fn now(&self, i: u64, kind: Kind, fate: Fate, base: &Shared) -> Now {
        let linked = kind != Kind::None;
        let a = |fields: &[usize]| self.change(base, i, stream::CONTACT, fields);
        let b = |fields: &[usize]| self.change(base, i, stream::COUNTERPART, fields);
        let (contact, other, has_base) = match fate {
            Fate::Same | Fate::OwnContact | Fate::OwnOther => {
                (Some(base.clone()), Some(base.clone()), true)
            }
            Fate::ContactChanged => (
                Some(a(&self.some_fields(i, 1, kind))),
                Some(base.clone()),
                true,
            ),
            Fate::OtherChanged => (
                Some(base.clone()),
                Some(b(&self.some_fields(i, 2, kind))),
                true,
            ),
            Fate::Both => {
                let fa = self.some_fields(i, 1, kind);
                let mut fb = self.some_fields(i, 2, kind);
                if !fb.contains(&fa[0]) {
                    fb.push(fa[0]);
                }
                let (ca, mut cb) = (a(&fa), b(&fb));
                if Rng::new(self.seed, stream::SAME_CHANGE, i).chance(0.1) {
                    cb[fa[0]] = ca[fa[0]].clone(); // both made the same change: nothing to write, the base moves
                }
                (Some(ca), Some(cb), true)
            }
            Fate::ContactGone => (None, Some(base.clone()), true),
            Fate::OtherGone => (Some(base.clone()), None, true),
            Fate::Inserted => match (i - self.n) % 4 {
                0 => (Some(base.clone()), Some(base.clone()), false),
                1 => {
                    let mut o: Shared = Default::default();
                    o[0] = base[0].clone();
                    (Some(base.clone()), Some(o), false)
                }
                2 => {
                    let fields = self.some_fields(i, 2, kind);
                    (Some(base.clone()), Some(b(&fields)), false)
                }
                _ => (Some(base.clone()), None, false),
            },
        };
        let other = if linked { other } else { None };
        let merged = match (&contact, &other) {
            (Some(c), Some(o)) => {
                let empty: Shared = Default::default();
                let was = if has_base { base } else { &empty };
                let mut m = c.clone();
                for f in 0..kind.fields() {
                    m[f] = if c[f] == o[f] || o[f] == was[f] || c[f] != was[f] {
                        c[f].clone()
                    } else {
                        o[f].clone()
                    };
                }
                Some(m)
            }
            _ => None,
        };
        Now {
            contact,
            other,
            merged,
        }
    }
}
