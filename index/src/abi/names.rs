//! Names of tables and columns that need no quotes in any database.

/// Words that SQL keeps for itself, in SQLite or PostgreSQL, and names of columns that PostgreSQL's tables have anyway.
const KEPT: &[&str] = &[
    "add",
    "all",
    "alter",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "autoincrement",
    "between",
    "binary",
    "blob",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "cmax",
    "cmin",
    "collate",
    "collation",
    "column",
    "commit",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "ctid",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "index",
    "initially",
    "inner",
    "insert",
    "integer",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "raise",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "set",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tableoid",
    "tablesample",
    "then",
    "to",
    "trailing",
    "transaction",
    "true",
    "union",
    "unique",
    "update",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmax",
    "xmin",
];

/// `_streamId` becomes `stream_id`, an argument without a name `argument_2`. One that SQL keeps gets an underscore.
pub(super) fn column_name(name: &str, place: usize) -> String {
    let mut name = snake_case(name);
    name.truncate(N_NAME);
    if name.is_empty() {
        return format!("argument_{place}");
    }
    if KEPT.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// Bytes of a column's name, which leave room in PostgreSQL's 63 for what tells two of the same name apart.
const N_NAME: usize = 48;

/// `LogCreate` and `_logCreate` become `log_create`, `amount0In` becomes `amount0_in`. Has small letters, digits and
/// underscores alone, whatever was in the name.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
            was_lower = false;
            continue;
        }
        if character.is_ascii_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = !character.is_ascii_uppercase();
        snake.push(character.to_ascii_lowercase());
    }
    if snake.starts_with(|first: char| first.is_ascii_digit()) {
        snake.insert(0, '_');
    }
    snake.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(column_name(name, 2), expected);
    }

    #[test]
    fn names_need_no_quotes() {
        check("_streamId", "stream_id");
        check("LogCreate", "log_create");
        check("amount0In", "amount0_in");
        check("URI", "uri");
        check("tokenURI", "token_uri");
        check("a$b__c", "a_b_c");
        check("trailing_", "trailing_");
        check("value_", "value");
        check("", "argument_2");
        check("_", "argument_2");
        check("from", "from_");
        check("To", "to_");
        check("user", "user_");
        check("systemUser", "system_user_");
        check("1st", "_1st");
        check("a; DROP TABLE block --", "a_drop_table_block");
        check("naïve\"", "na_ve");
        check(&"a".repeat(100), &"a".repeat(48));
    }

    #[test]
    fn kept_words_are_sorted_and_small() {
        assert!(KEPT.is_sorted());
        assert!(KEPT.iter().all(|word| snake_case(word) == *word));
    }
}
