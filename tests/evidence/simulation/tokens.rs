//! What is typed: every edit is unlike all others, cannot be cut without being seen, and remembers what it replaced knowingly.

/// The number of an edit; 0 is what stood everywhere at the beginning.
pub type Token = usize;

/// What a cell shows.
pub fn text(token: Token) -> String {
    format!("tok-{token}-end")
}

/// The edit that a cell shows; `None` where it is none, or a part of one.
pub fn token(text: &str) -> Option<Token> {
    text.strip_prefix("tok-")?
        .strip_suffix("-end")?
        .parse()
        .ok()
}

/// A set of edits.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<u64>);

impl Tokens {
    pub fn insert(&mut self, token: Token) {
        let word = token / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (token % 64);
    }

    pub fn contains(&self, token: Token) -> bool {
        self.0
            .get(token / 64)
            .is_some_and(|word| word >> (token % 64) & 1 == 1)
    }

    pub fn extend(&mut self, others: &Tokens) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        for (word, other) in self.0.iter_mut().zip(&others.0) {
            *word |= other;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Token> + '_ {
        let words = self.0.iter().enumerate();
        words.flat_map(|(at, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| at * 64 + bit)
        })
    }
}

/// What became of every edit.
#[derive(Default)]
pub struct Edits {
    next: Token,
    /// What each replaced knowingly: all that its cell had held when it was typed, and what those had replaced.
    replaced: Vec<Tokens>,
    /// What its cell showed when it was typed.
    before: Vec<Token>,
    /// Edits that a complete export has shown.
    pub seen: Tokens,
    /// Edits that may be gone: typed over where they stood, gone with their own system's import, or decided against by a person
    /// who saw them.
    pub excused: Tokens,
    /// Edits that a user typed over where they stood. Whoever did saw them; a system that shows less has no right to.
    pub typed_over: Tokens,
}

impl Edits {
    pub fn new() -> Edits {
        let mut edits = Edits::default();
        edits.replaced.push(Tokens::default());
        edits.before.push(0);
        edits.next = 1;
        edits
    }

    /// A user types over a cell that has held these.
    pub fn typed(&mut self, before: Token, held: &Tokens) -> Token {
        let mut knowingly = held.clone();
        for value in held.iter() {
            knowingly.extend(&self.replaced[value]);
        }
        self.replaced.push(knowingly);
        self.before.push(before);
        self.typed_over.insert(before);
        self.next += 1;
        self.next - 1
    }

    /// A value that a person made up who saw others.
    pub fn decided(&mut self, seen: &[Token]) -> Token {
        let mut knowingly = Tokens::default();
        for value in seen {
            knowingly.insert(*value);
            knowingly.extend(&self.replaced[*value]);
        }
        self.replaced.push(knowingly);
        self.before.push(0);
        self.next += 1;
        self.next - 1
    }

    /// An edit may be gone from now on. Where others could see it, so may be what it had replaced knowingly: they are gone with it.
    /// Where nobody had, what its cell showed before is what is gone.
    pub fn excuse(&mut self, mut token: Token) {
        while !self.seen.contains(token) && token > 0 {
            self.excused.insert(token);
            token = self.before[token];
        }
        self.excused.insert(token);
        self.excused.extend(&self.replaced[token]);
    }

    /// Whether whoever typed a value knew another.
    pub fn knew(&self, token: Token, other: Token) -> bool {
        self.replaced[token].contains(other)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.next as u64 - 1
    }
}
