//! Makes mutants: small changes to a source file, of which each is in force where its switch says so.

use std::collections::BTreeMap;
use std::fmt;

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Arm, Attribute, BinOp, Block, Expr, ExprBinary, ExprMatch, ExprUnary, File, GenericArgument,
    ImplItem, Item, ItemImpl, Pat, PathArguments, ReturnType, Signature, Type, UnOp, parse_quote,
};

/// One small change.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The file, from the root on.
    pub file: String,
    /// Line and column in it.
    pub place: (usize, usize),
    /// What stands in the line.
    pub code: String,
    /// What is changed in which function; no other place, since that moves.
    pub sentence: String,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place;
        write!(f, "{}:{line}:{column}: {}", self.file, self.sentence)
    }
}

/// What must be known of the program's types to make values of them.
#[derive(Default)]
pub struct Types {
    /// Whether each type of a name has a default.
    with_default: BTreeMap<String, bool>,
    aliases: BTreeMap<String, Type>,
}

impl Types {
    /// Learns the types of a file.
    pub fn learn(&mut self, file: &File) {
        for item in &file.items {
            let (name, attributes) = match item {
                Item::Struct(item) => (&item.ident, &item.attrs),
                Item::Enum(item) => (&item.ident, &item.attrs),
                Item::Type(item) => {
                    let alias = (item.ident.to_string(), (*item.ty).clone());
                    self.aliases.extend([alias]);
                    continue;
                }
                _ => continue,
            };
            let known = self.with_default.entry(name.to_string()).or_insert(true);
            *known &= derives_default(attributes);
        }
    }

    /// Values that anybody could make of a type, as they are written; none where that takes more knowledge.
    fn values(&self, of: &Type) -> Vec<String> {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        match of {
            Type::Tuple(tuple) => {
                let firsts = tuple
                    .elems
                    .iter()
                    .map(|of| self.values(of).into_iter().next());
                let firsts: Option<Vec<String>> = firsts.collect();
                let tuple = firsts.map(|firsts| format!("({})", firsts.join(", ")));
                tuple.into_iter().collect()
            }
            Type::Reference(reference) => match &*reference.elem {
                Type::Slice(_) => owned(&["&[]"]),
                Type::Path(path) if path.path.is_ident("str") => owned(&["\"\"", "\"xyzzy\""]),
                _ => Vec::new(),
            },
            Type::Path(path) => path.path.segments.last().map_or_else(Vec::new, |last| {
                let inner = first_argument(&last.arguments);
                let inner = inner.map_or_else(Vec::new, |inner| self.values(inner));
                let with_each = |before: &str, after: &str| {
                    let each = inner.iter();
                    each.map(|value| format!("{before}{value}{after}"))
                        .collect()
                };
                let name = last.ident.to_string();
                match name.as_str() {
                    "bool" => owned(&["true", "false"]),
                    "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => owned(&["0", "1"]),
                    "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => owned(&["0", "1", "-1"]),
                    "f32" | "f64" => owned(&["0.0", "1.0"]),
                    "String" => owned(&["String::new()", "\"xyzzy\".to_owned()"]),
                    "Option" => [owned(&["None"]), with_each("Some(", ")")].concat(),
                    "Vec" => [owned(&["Vec::new()"]), with_each("vec![", "]")].concat(),
                    "Result" if last.arguments.is_none() => owned(&["Ok(())"]),
                    "Result" => with_each("Ok(", ")"),
                    "BTreeMap" | "BTreeSet" | "HashMap" | "HashSet" => {
                        owned(&["Default::default()"])
                    }
                    name => match self.aliases.get(name) {
                        Some(alias) => self.values(alias),
                        None if self.with_default.get(name) == Some(&true) => {
                            owned(&["Default::default()"])
                        }
                        None => Vec::new(),
                    },
                }
            }),
            _ => Vec::new(),
        }
    }
}

fn derives_default(attributes: &[Attribute]) -> bool {
    let mut derives = attributes.iter().filter(|it| it.path().is_ident("derive"));
    derives.any(|it| it.to_token_stream().to_string().contains("Default"))
}

fn first_argument(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

/// A source file.
pub struct Source {
    /// Its path below `src/`.
    pub name: String,
    /// What it says.
    pub text: String,
    /// The same, understood.
    pub file: File,
}

/// Puts mutants into a file, numbered from `first` on.
pub fn mutate(source: &mut Source, types: &Types, first: usize) -> Vec<Mutant> {
    let mut changes = Changes {
        file: format!("src/{}", source.name),
        lines: source.text.lines().collect(),
        types,
        first,
        mutants: Vec::new(),
        names: Vec::new(),
    };
    changes.visit_file_mut(&mut source.file);
    changes.mutants
}

struct Changes<'t> {
    file: String,
    lines: Vec<&'t str>,
    types: &'t Types,
    first: usize,
    mutants: Vec<Mutant>,
    /// The type and the function that one is in.
    names: Vec<String>,
}

impl Changes<'_> {
    /// Notes a mutant; the expression that asks whether it is in force.
    fn note(&mut self, at: Span, sentence: String) -> Expr {
        let number = self.first + self.mutants.len();
        let start = at.start();
        self.mutants.push(Mutant {
            file: self.file.clone(),
            place: (start.line, start.column + 1),
            code: self.lines[start.line - 1].trim().to_owned(),
            sentence,
        });
        parse_quote!(crate::mutant(#number))
    }

    /// The same of a change within the function.
    fn switch(&mut self, at: Span, change: String) -> Expr {
        let function = self.names.join("::");
        self.note(at, format!("{change} in {function}"))
    }

    fn function(&mut self, signature: &Signature, block: &mut Block) {
        if signature.constness.is_some() {
            return;
        }
        self.names.push(signature.ident.to_string());
        let values = match &signature.output {
            // A default that asks for itself has no end.
            _ if signature.ident == "default" => Vec::new(),
            ReturnType::Default if block.stmts.is_empty() => Vec::new(),
            ReturnType::Default => vec!["()".to_owned()],
            ReturnType::Type(_, of) => self.types.values(of),
        };
        let mut returns = Vec::new();
        for value in values {
            let expression: Expr = syn::parse_str(&value).expect("a value");
            let body = block.to_token_stream().to_string();
            if body != quote!({ #expression }).to_string() {
                let function = self.names.join("::");
                let sentence = format!("replace {function} with {value}");
                let switch = self.note(signature.ident.span(), sentence);
                returns.push(parse_quote!(if #switch { return #expression; }));
            }
        }
        visit_mut::visit_block_mut(self, block);
        block.stmts.splice(0..0, returns);
        self.names.pop();
    }

    /// Both sides are evaluated once, or the right one not at all, as without mutants.
    fn binary(&mut self, binary: &mut ExprBinary) -> Option<Expr> {
        let is_chain = holds_let(&binary.left) || holds_let(&binary.right);
        self.visit_expr_mut(&mut binary.left);
        self.visit_expr_mut(&mut binary.right);
        if is_chain {
            return None;
        }
        let ExprBinary {
            left, op, right, ..
        } = &*binary;
        let others = others(op);
        let mut switches = Vec::new();
        for other in &others {
            let (op, other) = (op.to_token_stream(), other.to_token_stream());
            switches.push(self.switch(op.span(), format!("replace {op} with {other}")));
        }
        let first = switches.first()?;
        Some(match op {
            // The name is none that the right side could mean.
            BinOp::And(_) => parse_quote!({
                let left_of_mutant = #left;
                if left_of_mutant != #first { #right } else { left_of_mutant }
            }),
            BinOp::Or(_) => parse_quote!({
                let left_of_mutant = #left;
                if left_of_mutant == #first { #right } else { left_of_mutant }
            }),
            BinOp::Eq(_)
            | BinOp::Ne(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Gt(_)
            | BinOp::Ge(_) => {
                parse_quote!(match (&(#left), &(#right)) {
                    (left, right) => #(if #switches { *left #others *right } else)* { *left #op *right }
                })
            }
            op if is_assignment(op) => {
                parse_quote!(#(if #switches { #left #others #right } else)* { #left #op #right })
            }
            op => parse_quote!(match (#left, #right) {
                (left, right) => #(if #switches { left #others right } else)* { left #op right }
            }),
        })
    }

    fn unary(&mut self, unary: &mut ExprUnary) -> Option<Expr> {
        self.visit_expr_mut(&mut unary.expr);
        let operand = &unary.expr;
        match &unary.op {
            UnOp::Not(not) => {
                let switch = self.switch(not.span(), "delete !".to_owned());
                Some(parse_quote!((#operand) == #switch))
            }
            UnOp::Neg(minus) => {
                let switch = self.switch(minus.span(), "delete -".to_owned());
                Some(parse_quote!(if #switch { #operand } else { -(#operand) }))
            }
            _ => None,
        }
    }

    fn arms(&mut self, decision: &mut ExprMatch) {
        let rest = decision.arms.iter().find(|arm| is_wildcard(&arm.pat));
        let rest = rest.map(|arm| arm.body.to_token_stream().to_string());
        for arm in &mut decision.arms {
            let body = arm.body.to_token_stream().to_string();
            self.visit_expr_mut(&mut arm.body);
            let is_told_apart = rest.as_ref().is_some_and(|rest| *rest != body);
            self.arm(arm, is_told_apart);
        }
    }

    /// Changes when an arm is taken; one that is `told_apart` from the rest may be missing.
    fn arm(&mut self, arm: &mut Arm, is_told_apart: bool) {
        let at = arm.pat.span();
        if let Pat::Guard(guarded) = &mut arm.pat {
            let guard = guarded.guard.span();
            let text = guard.source_text().unwrap_or_default();
            self.visit_expr_mut(&mut guarded.guard);
            if !holds_let(&guarded.guard) {
                let always = self.switch(guard, format!("replace guard {text} with true"));
                let never = self.switch(guard, format!("replace guard {text} with false"));
                let guard = &guarded.guard;
                guarded.guard = parse_quote!(#always || (!#never && (#guard)));
            }
        } else if is_told_apart && !is_wildcard(&arm.pat) {
            let text = at.source_text().unwrap_or_default();
            let switch = self.switch(at, format!("delete arm {text}"));
            let (pattern, body) = (&arm.pat, &arm.body);
            *arm = parse_quote!(#pattern if !#switch => #body,);
        }
    }
}

impl VisitMut for Changes<'_> {
    fn visit_item_mut(&mut self, item: &mut Item) {
        let is_for_tests = match item {
            Item::Mod(module) => module.attrs.iter().any(is_test),
            Item::Fn(function) => function.attrs.iter().any(is_test),
            _ => false,
        };
        match item {
            _ if is_for_tests => {}
            Item::Const(_) | Item::Static(_) => {}
            Item::Fn(function) => self.function(&function.sig, &mut function.block),
            item => visit_mut::visit_item_mut(self, item),
        }
    }

    fn visit_item_impl_mut(&mut self, item: &mut ItemImpl) {
        let of = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.names.push(of.unwrap_or_default());
        visit_mut::visit_item_impl_mut(self, item);
        self.names.pop();
    }

    fn visit_impl_item_mut(&mut self, item: &mut ImplItem) {
        if let ImplItem::Fn(function) = item
            && !function.attrs.iter().any(is_test)
        {
            self.function(&function.sig, &mut function.block);
        }
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        let changed = match expression {
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Match(decision) => {
                self.visit_expr_mut(&mut decision.expr);
                self.arms(decision);
                None
            }
            Expr::Let(binding) => {
                self.visit_expr_mut(&mut binding.expr);
                None
            }
            Expr::Repeat(repeat) => {
                self.visit_expr_mut(&mut repeat.expr);
                None
            }
            Expr::Const(_) => None,
            _ => {
                visit_mut::visit_expr_mut(self, expression);
                None
            }
        };
        if let Some(changed) = changed {
            *expression = parse_quote!((#changed));
        }
    }

    // Neither patterns nor types are evaluated.
    fn visit_pat_mut(&mut self, _: &mut Pat) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
}

fn is_test(attribute: &Attribute) -> bool {
    let text = attribute.to_token_stream().to_string();
    text.contains("test")
}

/// Whether a condition binds names: its parts cannot be connected otherwise.
fn holds_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(binary) => holds_let(&binary.left) || holds_let(&binary.right),
        _ => false,
    }
}

/// Whether a pattern takes whatever is left.
fn is_wildcard(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) => true,
        Pat::Ident(name) => {
            let name_of = name.ident.to_string();
            name.subpat.is_none() && name_of.starts_with(|c: char| c.is_lowercase())
        }
        _ => false,
    }
}

/// What may stand in the place of an operator.
fn others(op: &BinOp) -> Vec<BinOp> {
    match op {
        BinOp::Eq(_) => vec![parse_quote!(!=)],
        BinOp::Ne(_) => vec![parse_quote!(==)],
        BinOp::And(_) => vec![parse_quote!(||)],
        BinOp::Or(_) => vec![parse_quote!(&&)],
        BinOp::Lt(_) => vec![parse_quote!(==), parse_quote!(>), parse_quote!(<=)],
        BinOp::Gt(_) => vec![parse_quote!(==), parse_quote!(<), parse_quote!(>=)],
        BinOp::Le(_) => vec![parse_quote!(>)],
        BinOp::Ge(_) => vec![parse_quote!(<)],
        BinOp::Add(_) => vec![parse_quote!(-), parse_quote!(*)],
        BinOp::Sub(_) => vec![parse_quote!(+), parse_quote!(/)],
        BinOp::Mul(_) => vec![parse_quote!(+), parse_quote!(/)],
        BinOp::Div(_) => vec![parse_quote!(%), parse_quote!(*)],
        BinOp::Rem(_) => vec![parse_quote!(/), parse_quote!(+)],
        BinOp::BitAnd(_) => vec![parse_quote!(|), parse_quote!(^)],
        BinOp::BitOr(_) => vec![parse_quote!(&), parse_quote!(^)],
        BinOp::BitXor(_) => vec![parse_quote!(|), parse_quote!(&)],
        BinOp::Shl(_) => vec![parse_quote!(>>)],
        BinOp::Shr(_) => vec![parse_quote!(<<)],
        BinOp::AddAssign(_) => vec![parse_quote!(-=), parse_quote!(*=)],
        BinOp::SubAssign(_) => vec![parse_quote!(+=), parse_quote!(/=)],
        BinOp::MulAssign(_) => vec![parse_quote!(+=), parse_quote!(/=)],
        BinOp::BitOrAssign(_) => vec![parse_quote!(&=), parse_quote!(^=)],
        BinOp::BitAndAssign(_) => vec![parse_quote!(|=), parse_quote!(^=)],
        _ => Vec::new(),
    }
}

fn is_assignment(op: &BinOp) -> bool {
    op.to_token_stream().to_string().ends_with('=')
}
