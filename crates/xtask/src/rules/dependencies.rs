//! Rules over what cargo knows: who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use crate::layers::{CODEC_OWNER, HOUSES, House, IMPURE_PACKAGES, RUNTIME_PACKAGES, STRANGERS};

/// All violations.
pub(super) fn violations(metadata: &Metadata) -> Vec<String> {
    let graph = Graph::new(metadata);
    let mut found = unknown_crates(metadata);
    for house in HOUSES {
        let Some(package) = graph.package(house.folder) else {
            found.push(format!(
                "crates/{} is in the table, but not in the workspace",
                house.folder
            ));
            continue;
        };
        found.extend(wrong_neighbours(house, package));
        found.extend(codec_leak(house, package));
        if house.layer.is_pure() {
            found.extend(impurities(house, package, &graph));
        }
    }
    for (from, to) in STRANGERS {
        if graph.reachable_from(from).contains(*to) {
            found.push(format!("`{from}` reaches `{to}`, which it must not know"));
        }
    }
    found
}

/// The folder a package of the workspace has by its name.
fn folder(name: &str) -> &str {
    name.strip_prefix("highwater-").unwrap_or(name)
}

fn unknown_crates(metadata: &Metadata) -> Vec<String> {
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| {
            !HOUSES
                .iter()
                .any(|house| house.folder == folder(&package.name))
        })
        .map(|package| format!("`{}` has no place in the table of layers", package.name))
        .collect()
}

/// Names of direct dependencies outside tests, renamed or not, optional or not.
fn direct(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
        .collect()
}

fn wrong_neighbours(house: &House, package: &Package) -> Vec<String> {
    direct(package)
        .into_iter()
        .filter(|name| name.starts_with("highwater"))
        .map(folder)
        .filter(|name| !house.may_know.contains(name))
        .map(|name| {
            format!(
                "`{}` depends on `{name}`, which it may not know",
                house.folder
            )
        })
        .collect()
}

fn codec_leak(house: &House, package: &Package) -> Option<String> {
    let (owner, codec) = CODEC_OWNER;
    let named = package
        .dependencies
        .iter()
        .any(|dependency| dependency.name == codec);
    (named && house.folder != owner).then(|| {
        format!(
            "`{}` depends on `{codec}`; only `{owner}` may",
            house.folder
        )
    })
}

fn impurities(house: &House, package: &Package, graph: &Graph<'_>) -> Vec<String> {
    let named = direct(package);
    let reached = graph.reachable_from(house.folder);
    IMPURE_PACKAGES
        .iter()
        .filter(|name| named.contains(*name))
        .chain(
            RUNTIME_PACKAGES
                .iter()
                .filter(|name| reached.contains(*name)),
        )
        .map(|name| format!("`{}` is pure and must not reach `{name}`", house.folder))
        .collect()
}

/// The graph of normal and build dependencies as cargo resolved it.
struct Graph<'a> {
    packages: BTreeMap<&'a PackageId, &'a Package>,
    edges: BTreeMap<&'a PackageId, Vec<&'a PackageId>>,
    workspace: BTreeMap<&'a str, &'a Package>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let edges = nodes
            .map(|node| {
                let kept = node.deps.iter().filter(|dependency| {
                    let kinds = &dependency.dep_kinds;
                    kinds
                        .iter()
                        .any(|kind| kind.kind != DependencyKind::Development)
                });
                (&node.id, kept.map(|dependency| &dependency.pkg).collect())
            })
            .collect();
        Self {
            packages: metadata
                .packages
                .iter()
                .map(|package| (&package.id, package))
                .collect(),
            edges,
            workspace: metadata
                .workspace_packages()
                .into_iter()
                .map(|package| (folder(package.name.as_str()), package))
                .collect(),
        }
    }

    fn package(&self, folder: &str) -> Option<&'a Package> {
        self.workspace.get(folder).copied()
    }

    /// Names of all packages that a crate of the workspace reaches, without itself. Those of the
    /// workspace are named by folder.
    fn reachable_from(&self, from: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&PackageId> = self
            .package(from)
            .map(|package| &package.id)
            .into_iter()
            .collect();
        while let Some(id) = open.pop() {
            for next in self.edges.get(id).into_iter().flatten().copied() {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        seen.into_iter()
            .filter_map(|id| self.packages.get(id))
            .map(|package| folder(package.name.as_str()))
            .collect()
    }
}
