//! Random interfaces and unions: what subgraphs know of them, and interface objects.

use std::collections::BTreeSet;

use super::super::rng::Rng;
use super::{COMMON, Field, Graph, Inner, InterfaceObject, WRAPS, field_index, wrap};

impl Graph {
    pub(super) fn add_interface_object(&mut self, rng: &mut Rng) {
        if self.interfaces.is_empty() || rng.percent(60) {
            return;
        }
        let graphql: Vec<usize> = (0..self.subgraphs).filter(|subgraph| !self.http.contains(subgraph)).collect();
        if graphql.is_empty() {
            return;
        }
        let interface = rng.below(self.interfaces.len());
        let owner = *rng.pick(&graphql);
        let subgraph = self.subgraphs;
        self.subgraphs += 1;
        let members = self.interfaces[interface].members.clone();
        for entity in &members {
            self.know(rng, *entity, owner, true);
            self.entities[*entity].views.get_mut(&owner).expect("it is known").is_stub = false;
        }
        self.interfaces[interface].known.insert(owner, members);
        let fields = (0..rng.between(1, 3)).map(|number| {
            let inner = Graph::leaf(rng);
            // An interface object is asked the same fields for all types, so a failure could null what was asked of one only.
            let protected = true;
            Field { protected, ..Field::new(format!("x{number}"), inner, wrap(rng, 4), vec![subgraph]) }
        });
        let fields = fields.collect();
        let mut root = Field::new("xs".into(), Inner::Interface(interface), wrap(rng, WRAPS.len()), vec![subgraph]);
        root.by_id = false;
        self.roots.push(root);
        self.interface_object = Some(InterfaceObject { interface, owner, subgraph, fields, external: BTreeSet::new() });
    }

    pub(super) fn choose_interface_fields(&mut self, rng: &mut Rng) {
        for index in 0..self.interfaces.len() {
            let interface = self.interfaces[index].clone();
            let has = |entity: &usize, name: &str| self.entities[*entity].fields.iter().any(|field| field.name == name);
            let names = COMMON.iter().map(|(name, ..)| *name).chain(["link"]);
            let common: Vec<&str> =
                names.filter(|name| interface.members.iter().all(|entity| has(entity, name))).collect();
            for (subgraph, members) in &interface.known {
                let resolves = |entity: &usize, name: &str| {
                    self.entities[*entity]
                        .fields
                        .iter()
                        .any(|field| field.name == name && field.owners.contains(subgraph))
                };
                // An interface's field is of a type that all members' are of.
                let links = |entity: &usize| {
                    let link = self.entities[*entity].fields.iter().find(|field| field.name == "link");
                    let known = self.interfaces[0].known.get(subgraph);
                    link.zip(known).is_some_and(|(link, known)| match link.inner {
                        Inner::Entity(target) => known.contains(&target),
                        _ => true,
                    })
                };
                let names = common.iter().filter(|name| **name != "link" || members.iter().all(links));
                let names = names.filter(|name| members.iter().all(|entity| resolves(entity, name)));
                let mut fields: BTreeSet<String> = names.filter(|_| rng.percent(70)).map(ToString::to_string).collect();
                fields.insert("id".into());
                self.interfaces[index].fields.insert(*subgraph, fields);
            }
        }
        let Some(object) = &mut self.interface_object else { return };
        let known = &self.interfaces[object.interface].fields[&object.owner];
        if let Some(name) = known.iter().find(|name| *name != "id" && *name != "link")
            && rng.percent(50)
        {
            object.external.insert(name.clone());
            object.fields[0].requires = Some(name.clone());
            for entity in &self.interfaces[object.interface].members {
                let at = field_index(&self.entities[*entity].fields, name);
                self.entities[*entity].fields[at].protected = true;
            }
        }
    }

    /// Lets interfaces implement others, where all that have the one have the other.
    pub(super) fn nest_interfaces(&mut self, rng: &mut Rng) {
        if self.interfaces.len() < 2 || rng.percent(40) {
            return;
        }
        let all =
            |index: usize| -> BTreeSet<usize> { self.interfaces[index].known.values().flatten().copied().collect() };
        let names = |index: usize| -> BTreeSet<&String> { self.interfaces[index].fields.values().flatten().collect() };
        let (above, below) = (0, 1);
        let object = self.interface_object.as_ref();
        let is_free = object.is_none_or(|object| object.interface > 1);
        if !is_free || !all(below).is_subset(&all(above)) || !names(above).is_subset(&names(below)) {
            return;
        }
        let fits = |subgraph: &&usize| {
            let known = |index: usize| self.interfaces[index].known.get(subgraph);
            let fields = |index: usize| self.interfaces[index].fields.get(subgraph);
            known(above)
                .is_some_and(|above| known(below).is_some_and(|below| below.iter().all(|it| above.contains(it))))
                && fields(above).zip(fields(below)).is_some_and(|(above, below)| above.is_subset(below))
        };
        let subgraphs: Vec<usize> = self.interfaces[below].known.keys().filter(fits).copied().collect();
        self.interfaces[below].implements = subgraphs.into_iter().map(|subgraph| (subgraph, vec![above])).collect();
    }
}
