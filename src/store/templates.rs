//! Tables `templates` and `server_templates`: templates of servers, and the servers that were made of each.

use std::collections::BTreeMap;

use diesel::{dsl::exists, prelude::*, select};

use crate::{
    error::{Error, Noun, Result},
    model::{ServerId, TemplateId, Timestamp, UserId},
    policy::template::ServerTemplate,
    store::{
        Connection,
        connection::on,
        fault,
        schema::{server_templates, templates},
        text,
    },
};

/// Most templates of one user, and of everybody.
const TEMPLATES_MAX: i64 = 100;

const NAME_TAKEN: &str = "there is a template of this name already; change that one, or take another name";

/// A template as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredTemplate {
    /// Opaque id.
    pub(crate) id: TemplateId,
    /// Its owner; `None` where it is everybody's.
    pub(crate) user_id: Option<UserId>,
    /// The template.
    pub(crate) template: ServerTemplate,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it last changed.
    pub(crate) updated_at: Timestamp,
}

/// Answers that made a server, of which secrets are references.
pub(crate) type StoredAnswers = BTreeMap<String, String>;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = templates, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Row {
    id: String,
    user_id: Option<String>,
    name: String,
    template: String,
    created_at: chrono::NaiveDateTime,
    updated_at: chrono::NaiveDateTime,
}

fn write(stored: &StoredTemplate) -> Result<Row> {
    Ok(Row {
        id: stored.id.to_string(),
        user_id: stored.user_id.map(|id| id.to_string()),
        name: stored.template.name.clone(),
        template: text::to_json(&stored.template)?,
        created_at: stored.created_at.naive(),
        updated_at: stored.updated_at.naive(),
    })
}

fn read(row: Row) -> Result<StoredTemplate> {
    Ok(StoredTemplate {
        id: text::id(&row.id)?,
        user_id: row.user_id.as_deref().map(text::id).transpose()?,
        template: text::from_json(&row.template)?,
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    })
}

/// Adds a template; `Conflict` where its owner has one of its name, or as many as an owner may have.
pub(crate) fn insert(db: &mut Connection, stored: &StoredTemplate) -> Result<()> {
    let row = write(stored)?;
    let count: i64 = match &row.user_id {
        Some(user) => {
            let own = templates::table.filter(templates::user_id.eq(user));
            on!(db, conn => own.count().get_result(conn))?
        }
        None => on!(db, conn => templates::table.filter(templates::user_id.is_null()).count().get_result(conn))?,
    };
    if count >= TEMPLATES_MAX {
        return Err(Error::Conflict(format!("there are {TEMPLATES_MAX} templates already; remove one first")));
    }
    on!(db, conn => diesel::insert_into(templates::table).values(&row).execute(conn))
        .map_err(|error| fault::or_conflict(error, NAME_TAKEN))?;
    Ok(())
}

/// Writes a changed template over the stored one; false where there is none. `Conflict` where its name is taken.
pub(crate) fn update(db: &mut Connection, stored: &StoredTemplate) -> Result<bool> {
    let row = write(stored)?;
    let changed = on!(db, conn => diesel::update(templates::table.find(&row.id)).set(&row).execute(conn))
        .map_err(|error| fault::or_conflict(error, NAME_TAKEN))?;
    Ok(changed > 0)
}

/// Removes a template; its servers stay. False where there is none.
pub(crate) fn delete(db: &mut Connection, id: TemplateId) -> Result<bool> {
    Ok(on!(db, conn => diesel::delete(templates::table.find(id.to_string())).execute(conn))? > 0)
}

/// The template with this id.
pub(crate) fn find(db: &mut Connection, id: TemplateId) -> Result<Option<StoredTemplate>> {
    let found = templates::table.find(id.to_string());
    on!(db, conn => found.select(Row::as_select()).first(conn).optional())?.map(read).transpose()
}

/// Templates of a user and those of everybody, by name.
pub(crate) fn of_user(db: &mut Connection, user: UserId) -> Result<Vec<StoredTemplate>> {
    let seen = templates::user_id.is_null().or(templates::user_id.eq(user.to_string()));
    let rows = on!(db, conn => templates::table
        .filter(seen)
        .order((templates::name.asc(), templates::id.asc()))
        .select(Row::as_select())
        .load(conn))?;
    rows.into_iter().map(read).collect()
}

/// Notes the template that a server is made of, with the answers; [`Error::NotFound`] (template) where it is removed.
pub(crate) fn link(db: &mut Connection, server: ServerId, id: TemplateId, answers: &StoredAnswers) -> Result<()> {
    let (server, id) = (server.to_string(), id.to_string());
    // Asked first, as a refused row would end the caller's transaction on PostgreSQL.
    if !on!(db, conn => select(exists(templates::table.find(&id))).get_result(conn))? {
        return Err(Error::NotFound(Noun::Template));
    }
    let row = (
        server_templates::server_id.eq(&server),
        server_templates::template_id.eq(&id),
        server_templates::answers.eq(text::to_json(answers)?),
    );
    on!(db, conn => diesel::insert_into(server_templates::table).values(row).execute(conn))?;
    Ok(())
}

/// Servers that were made of a template, oldest first, with the answers.
pub(crate) fn servers(db: &mut Connection, id: TemplateId) -> Result<Vec<(ServerId, StoredAnswers)>> {
    let rows: Vec<(String, String)> = on!(db, conn => server_templates::table
        .filter(server_templates::template_id.eq(id.to_string()))
        .order(server_templates::server_id.asc())
        .select((server_templates::server_id, server_templates::answers))
        .load(conn))?;
    rows.into_iter().map(|(id, answers)| Ok((text::id(&id)?, text::from_json(&answers)?))).collect()
}
