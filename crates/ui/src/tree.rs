//! Who created whom, by the functions that goroutines begin with: what `gospect states --tree` makes of its program's map
//! and of the goroutines that were there before.
//!
//! ```text
//! BEFORE  NEW  FUNCTION
//!      1    -  runtime.main
//!      1    -    net/http.(*Server).Serve
//!      4   80      net/http.(*conn).serve
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use event::totals::Earlier;
use event::value::{Id, IdKind};
use event::{Folded, Names, Snapshot, Value};
use serde::Serialize;

use crate::table::{Cell, Column, Table};
use crate::totals::Only;
use crate::value;
use crate::{Format, Look, json_line};

/// The map of the program: how many goroutines were created, by the function that their parent began with, and theirs.
pub const MAP: &str = "@created";

/// What goroutines began with, by what those who created them began with.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    children: BTreeMap<Parent, BTreeMap<String, Count>>,
}

/// Who creates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Parent {
    /// The runtime, or a thread of C.
    Nobody,
    /// A goroutine that ended before the run: the function that it did it in.
    Over(String),
    /// Goroutines that began with this function.
    Function(String),
}

/// How many goroutines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    before: u64,
    created: u64,
}

/// A line of it on its way to JSON.
#[derive(Serialize)]
struct Edge<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    parent: Option<&'a str>,
    parent_over_in: Option<&'a str>,
    function: &'a str,
    before: u64,
    created: u64,
}

impl Tree {
    /// Reads the map, and who was there before.
    #[must_use]
    pub fn read(only: &Only, maps: &[Snapshot], earlier: &[Earlier], names: &dyn Names) -> Tree {
        let (mut tree, mut known) = (Tree::default(), HashMap::new());
        let mut name = |id: Id| known.entry(id).or_insert_with(|| function(id, names)).clone();
        let starts: HashMap<(u32, u64), Id> = earlier.iter().map(|of| ((of.pid, of.goid), of.start)).collect();
        for of in earlier {
            if !only.means(of.goid, of.start, names) {
                continue;
            }
            let parent = match (of.parent, starts.get(&(of.pid, of.parent))) {
                (0, _) => Parent::Nobody,
                (_, Some(start)) => Parent::Function(name(*start)),
                (_, None) => Parent::Over(name(of.created_at)),
            };
            tree.count(parent, name(of.start)).before += 1;
        }
        for entry in maps.iter().filter(|map| map.name == MAP).flat_map(|map| &map.entries) {
            let (Folded::Value(Value::Int(count)), [parent, Value::Id(start)]) = (&entry.value, &entry.key[..]) else {
                continue;
            };
            let parent = match parent {
                Value::Id(parent) if parent.number << 16 != 0 => Parent::Function(name(*parent)),
                _ => Parent::Nobody,
            };
            tree.count(parent, name(*start)).created += count.bits;
        }
        tree
    }

    fn count(&mut self, parent: Parent, function: String) -> &mut Count {
        self.children.entry(parent).or_default().entry(function).or_default()
    }

    /// Shows it.
    ///
    /// # Errors
    /// The writer's.
    pub fn show(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Json => self.edges().try_for_each(|edge| json_line(out, &edge)),
            Format::Text(look) => self.text(look, out),
        }
    }

    fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        self.children.iter().flat_map(|(parent, children)| {
            let (name, over) = match parent {
                Parent::Nobody => (None, None),
                Parent::Over(function) => (None, Some(function.as_str())),
                Parent::Function(function) => (Some(function.as_str()), None),
            };
            children.iter().map(move |(function, count)| Edge {
                kind: "state_tree",
                parent: name,
                parent_over_in: over,
                function,
                before: count.before,
                created: count.created,
            })
        })
    }

    fn text(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let columns = [Column::right("BEFORE"), Column::right("NEW"), Column::left("FUNCTION")];
        let (mut table, mut shown) = (Table::new(&columns), BTreeSet::new());
        let named: BTreeSet<&str> = self.children.values().flat_map(BTreeMap::keys).map(String::as_str).collect();
        // Whose own beginning nobody saw stands at the edge, as what nobody created does.
        let is_root = |parent: &Parent| match parent {
            Parent::Nobody | Parent::Over(_) => true,
            Parent::Function(function) => !named.contains(function.as_str()),
        };
        let (roots, others): (Vec<_>, Vec<_>) = self.children.keys().partition(|parent| is_root(parent));
        for parent in roots {
            self.root(parent, &mut shown, &mut table);
        }
        // What is left are functions that create each other.
        for parent in others {
            if let Parent::Function(function) = parent
                && !shown.contains(function.as_str())
            {
                self.root(parent, &mut shown, &mut table);
            }
        }
        if self.children.is_empty() { Ok(()) } else { table.write(look, out) }
    }

    /// What stands at the edge, with all below it.
    fn root<'t>(&'t self, parent: &'t Parent, shown: &mut BTreeSet<&'t str>, table: &mut Table) {
        let title = match parent {
            Parent::Nobody => None,
            Parent::Over(function) => Some(format!("(over, in {function})")),
            Parent::Function(function) => {
                shown.insert(function);
                Some(function.clone())
            }
        };
        let depth = usize::from(title.is_some());
        if let Some(title) = title {
            table.row([String::new(), String::new(), title].map(Cell::new).to_vec());
        }
        self.below(parent, depth, shown, table);
    }

    /// What a parent has created. A function's own are shown where it stands first.
    fn below<'t>(&'t self, parent: &Parent, depth: usize, shown: &mut BTreeSet<&'t str>, table: &mut Table) {
        for (function, count) in self.children.get(parent).into_iter().flatten() {
            let own = Parent::Function(function.clone());
            let is_first = shown.insert(function);
            let above = if is_first || !self.children.contains_key(&own) { "" } else { "  (see above)" };
            let number = |n: u64| if n == 0 { String::new() } else { n.to_string() };
            let line = format!("{}{function}{above}", "  ".repeat(depth));
            table.row([number(count.before), number(count.created), line].map(Cell::new).to_vec());
            if is_first {
                self.below(&own, depth + 1, shown, table);
            }
        }
    }
}

/// The name of a start function, or of the function that an address is in.
fn function(id: Id, names: &dyn Names) -> String {
    let name = value::raw(&Value::Id(id), names);
    match (id.kind, id.number << 16, name.rsplit_once('+')) {
        (IdKind::StartFunc, 0, _) => "(thread of C)".to_owned(),
        (IdKind::UserSymbol, _, Some((function, _))) => function.lines().last().unwrap_or_default().to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use event::schema::Aggregate;
    use event::{Fields, MapSchema, MapValue, Schema, Shape};
    use expect_test::{Expect, expect};

    use super::*;

    struct Known;

    impl Names for Known {
        fn name(&self, id: Id) -> Option<String> {
            let names = ["", "runtime.main", "main.serve", "main.worker", "main.ping", "main.pong"];
            let name = names.get(id.number as usize)?;
            Some(if id.kind == IdKind::UserSymbol { format!("{name}+12") } else { (*name).to_owned() })
        }

        fn moment(&self, _: u64) -> event::Moment {
            event::Moment { unix: 0, east: 0 }
        }
    }

    fn earlier(goid: u64, start: u64, parent: u64, created_at: u64) -> Earlier {
        let id = |kind, number, process| Id { kind, number, process };
        let (start, created_at) = (id(IdKind::StartFunc, start, 0), id(IdKind::UserSymbol, created_at, 7));
        Earlier { pid: 7, goid, start, parent, created_at }
    }

    fn tree(earlier: &[Earlier], created: &[(u64, u64, u64)]) -> Tree {
        let key = Fields::sure(vec![Shape::Id(IdKind::StartFunc), Shape::Id(IdKind::StartFunc)]);
        let map = MapSchema { name: MAP.to_owned(), key, value: MapValue::PerCpu(Aggregate::Count) };
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let raw = created.iter().map(|(parent, start, count)| (bytes(&[*parent, *start]), bytes(&[*count])));
        let map = Snapshot::fold(&Schema::new(), &map, raw);
        Tree::read(&Only::default(), &[map], earlier, &Known)
    }

    fn check(tree: &Tree, to: Format, want: Expect) {
        let mut out = Vec::new();
        tree.show(to, &mut out).unwrap();
        want.assert_eq(&String::from_utf8(out).unwrap());
    }

    const TEXT: Format = Format::Text(Look { color: false, width: None });

    #[test]
    fn functions_stand_below_those_whose_goroutines_create_theirs() {
        let before = [earlier(1, 1, 0, 0), earlier(5, 2, 1, 1), earlier(6, 3, 5, 2), earlier(7, 3, 5, 2)];
        let tree = tree(&before, &[(2, 3, 40), (3, 3, 2), (3, 4, 1)]);
        check(
            &tree,
            TEXT,
            expect![[r#"
            BEFORE  NEW  FUNCTION
                 1    -  runtime.main
                 1    -    main.serve
                 2   40      main.worker
                 -    1        main.ping
                 -    2        main.worker  (see above)
        "#]],
        );
        check(
            &tree,
            Format::Json,
            expect![[r#"
            {"type":"state_tree","parent":null,"parent_over_in":null,"function":"runtime.main","before":1,"created":0}
            {"type":"state_tree","parent":"main.serve","parent_over_in":null,"function":"main.worker","before":2,"created":40}
            {"type":"state_tree","parent":"main.worker","parent_over_in":null,"function":"main.ping","before":0,"created":1}
            {"type":"state_tree","parent":"main.worker","parent_over_in":null,"function":"main.worker","before":0,"created":2}
            {"type":"state_tree","parent":"runtime.main","parent_over_in":null,"function":"main.serve","before":1,"created":0}
        "#]],
        );
    }

    #[test]
    fn whoever_was_over_before_is_known_by_where_he_did_it() {
        check(
            &tree(&[earlier(1, 1, 0, 0), earlier(9, 3, 4, 2)], &[]),
            TEXT,
            expect![[r#"
            BEFORE  FUNCTION
                 1  runtime.main
                 -  (over, in main.serve)
                 1    main.worker
        "#]],
        );
        check(
            &tree(&[earlier(9, 3, 4, 2)], &[]),
            Format::Json,
            expect![[r#"
            {"type":"state_tree","parent":null,"parent_over_in":"main.serve","function":"main.worker","before":1,"created":0}
        "#]],
        );
    }

    #[test]
    fn functions_that_create_each_other_are_shown_once() {
        check(
            &tree(&[], &[(4, 5, 3), (5, 4, 3)]),
            TEXT,
            expect![[r#"
            NEW  FUNCTION
              -  main.ping
              3    main.pong
              3      main.ping  (see above)
        "#]],
        );
        check(&tree(&[], &[]), TEXT, expect![[""]]);
    }
}
