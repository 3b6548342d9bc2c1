//! What policies can speak of: a schema, with an action for each policy.

use std::sync::Arc;

use cedar_policy::{Entities, RequestEnv, Schema, SchemaFragment, schema_str_to_json_with_resolved_types};
use kest_core::entry::PolicyName;
use serde_json::{Map, Value, json};

use super::declared::{NoSuchValue, drop_nulls_of_chain, shape};
use super::fault::{faults, invalid_near};
use super::fits::fits;
use super::nesting::{self, Language};
use super::shape::{Members, Shape};
use crate::load::{LoadError, Problem, Source};

/// A schema that Kest's requests fit.
#[derive(Debug)]
pub(super) struct Vocabulary<'source> {
    source: &'source Source,
    /// In Cedar's JSON, names resolved; no action applies to anything.
    declarations: Value,
    /// The actions as they were declared.
    actions: Map<String, Value>,
    input: Arc<Members>,
}

/// What one policy can speak of.
pub(super) struct Terms {
    pub(super) schema: Schema,
    /// The only kind of request that it is asked about.
    pub(super) request: RequestEnv,
    /// The actions' groups; there are no other entities.
    pub(super) entities: Entities,
    pub(super) context: Arc<Members>,
}

/// A schema does not fit Kest's requests.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("declares no such type: {0}")]
    Undeclared(&'static str),
    #[error("gives {0} parents, attributes, tags or a list of names, though policies are given no entities")]
    Entity(&'static str),
    #[error("action does not apply to Kest::Workload and Kest::Resource")]
    NotForKest,
    #[error(transparent)]
    NoSuchValue(#[from] NoSuchValue),
}

impl<'source> Vocabulary<'source> {
    pub(super) fn read(source: &'source Source) -> Result<Self, Vec<LoadError>> {
        nesting::check(source, Language::Schema).map_err(|fault| vec![fault])?;
        let text = source.as_str();
        let (fragment, _warnings) = SchemaFragment::from_cedarschema_str(text)
            .map_err(|cause| faults(source, &cause, Problem::Syntax))?;
        Schema::from_schema_fragments([fragment])
            .map_err(|cause| faults(source, &cause, Problem::Invalid))?;
        let (mut declarations, _warnings) = schema_str_to_json_with_resolved_types(text)
            .map_err(|cause| faults(source, &cause, Problem::Invalid))?;
        let misfit = |word: &str, misfit: Misfit| {
            vec![invalid_near(source, &[&format!("entity {word}"), &format!("type {word}"), word], misfit)]
        };
        for (word, name) in [("Workload", WORKLOAD), ("Resource", RESOURCE)] {
            check_entity(&declarations, word, name).map_err(|wrong| misfit(word, wrong))?;
        }
        let input = declarations
            .pointer("/Kest/commonTypes/Input")
            .ok_or(Misfit::Undeclared(INPUT))
            .and_then(|input| context(&declarations, input))
            .map_err(|wrong| misfit("Input", wrong))?;
        fits(&input).map_err(|unfit| vec![invalid_near(source, &["type Input"], unfit)])?;
        let actions = take_actions(&mut declarations);
        Ok(Self { source, declarations, actions, input })
    }

    /// What the policy called `name` can speak of: everything, with its own action as the only one it is asked about.
    pub(super) fn terms(&self, name: &PolicyName) -> Result<Terms, Vec<LoadError>> {
        let declared = self.actions.get(name.as_str());
        let places = [format!("{:?}", name.as_str()), format!("action {name}")];
        let places = places.each_ref().map(String::as_str);
        let near = |wrong: Misfit| vec![invalid_near(self.source, &places, wrong)];
        let (action, context) = match declared {
            None => (own_action(&json!({}), &json!({ "type": INPUT })), Arc::clone(&self.input)),
            Some(action) => {
                let kind = context_of(action).map_err(near)?;
                let context = context(&self.declarations, &kind).map_err(near)?;
                fits(&context).map_err(|unfit| vec![invalid_near(self.source, &places, unfit)])?;
                (own_action(action, &kind), context)
            }
        };
        let mut declarations = self.declarations.clone();
        if let Some(Value::Object(actions)) = declarations.pointer_mut("/Kest/actions") {
            actions.insert(name.as_str().to_owned(), action);
        }
        let schema = Schema::from_json_value(declarations)
            .map_err(|cause| faults(self.source, &cause, Problem::Invalid))?;
        let entities =
            schema.action_entities().map_err(|cause| faults(self.source, &cause, Problem::Invalid))?;
        let request = schema.request_envs().next().ok_or_else(|| near(Misfit::NotForKest))?;
        Ok(Terms { schema, request, entities, context })
    }
}

/// Nothing but its name is known of an entity: rules about more than that would quietly never apply.
fn check_entity(declarations: &Value, word: &str, name: &'static str) -> Result<(), Misfit> {
    let entity = declarations.pointer("/Kest/entityTypes").and_then(|entities| entities.get(word));
    let entity = entity.and_then(Value::as_object).ok_or(Misfit::Undeclared(name))?;
    let has = |member: &str| match entity.get(member) {
        None => false,
        Some(Value::Array(parents)) => !parents.is_empty(),
        Some(shape) => shape.get("attributes").and_then(Value::as_object).is_none_or(|all| !all.is_empty()),
    };
    let more = ["memberOfTypes", "shape", "tags", "enum"].into_iter().any(has);
    if more { Err(Misfit::Entity(name)) } else { Ok(()) }
}

fn context(declarations: &Value, kind: &Value) -> Result<Arc<Members>, Misfit> {
    let Shape::Record(mut context) = shape(declarations, kind)? else {
        return Err(Misfit::Undeclared(INPUT));
    };
    drop_nulls_of_chain(&mut context);
    Ok(Arc::new(context))
}

/// Takes the actions of Kest's namespace out, and from all actions what they apply to.
fn take_actions(declarations: &mut Value) -> Map<String, Value> {
    let kest = declarations.pointer("/Kest/actions").and_then(Value::as_object).cloned();
    for namespace in declarations.as_object_mut().into_iter().flat_map(Map::values_mut) {
        for action in namespace.get_mut("actions").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(action) = action.1.as_object_mut() {
                action.remove("appliesTo");
            }
        }
    }
    kest.unwrap_or_default()
}

/// The type of the context of an action that applies to what Kest asks about.
fn context_of(action: &Value) -> Result<Value, Misfit> {
    let applies = action.get("appliesTo").ok_or(Misfit::NotForKest)?;
    for (member, kind) in [("principalTypes", WORKLOAD), ("resourceTypes", RESOURCE)] {
        let kinds = applies.get(member).and_then(Value::as_array);
        if !kinds.is_some_and(|kinds| kinds.iter().any(|declared| declared == kind)) {
            return Err(Misfit::NotForKest);
        }
    }
    let nothing = || json!({ "type": "Record", "attributes": {} });
    Ok(applies.get("context").cloned().unwrap_or_else(nothing))
}

/// `action` as it is asked about: validating against other kinds of requests would prove nothing.
fn own_action(action: &Value, context: &Value) -> Value {
    let mut action = action.clone();
    if let Some(action) = action.as_object_mut() {
        let applies =
            json!({ "principalTypes": [WORKLOAD], "resourceTypes": [RESOURCE], "context": context });
        action.insert("appliesTo".to_owned(), applies);
    }
    action
}

const WORKLOAD: &str = "Kest::Workload";
const RESOURCE: &str = "Kest::Resource";
const INPUT: &str = "Kest::Input";
