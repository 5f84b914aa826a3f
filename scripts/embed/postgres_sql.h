/* Commands of SQL for a Lua script inside PostgreSQL; see postgres_worker.c.
   PostgreSQL's errors and Lua's are both jumps, and neither may cross the
   other's frames: whatever can raise an error of PostgreSQL is inside PG_TRY,
   where nothing of Lua is called. */
#ifndef POSTGRES_SQL_H
#define POSTGRES_SQL_H

#include <postgres.h>

#include <access/xact.h>
#include <common/shortest_dec.h>
#include <executor/spi.h>
#include <lauxlib.h>
#include <math.h>
#include <pgstat.h>
#include <utils/builtins.h>
#include <utils/memutils.h>
#include <utils/snapmgr.h>

enum { MOST_PARAMETERS = 16 };

static struct {
    MemoryContext memory; /* of the rest, until the next command */
    ErrorData *error;     /* NULL: there was none */
    uint64 rows;
    int columns; /* 0: the command has no rows to show */
    char **names, **cells;
} result;

static void keep_rows(SPITupleTable *table)
{
    MemoryContext before = MemoryContextSwitchTo(result.memory);
    TupleDesc row = table->tupdesc;
    int columns = row->natts;
    result.names = palloc_array(char *, columns);
    result.cells = palloc_array(char *, result.rows *columns);
    for (int c = 0; c < columns; c++)
        result.names[c] = SPI_fname(row, c + 1);
    for (uint64 i = 0; i < result.rows * columns; i++)
        result.cells[i] =
            SPI_getvalue(table->vals[i / columns], row, (int)(i % columns) + 1);
    result.columns = columns;
    MemoryContextSwitchTo(before);
}

/* One transaction. */
static void execute(const char *command, int count, const char **texts)
{
    Oid types[MOST_PARAMETERS];
    Datum values[MOST_PARAMETERS];
    char nulls[MOST_PARAMETERS];
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, command);
    for (int i = 0; i < count; i++) {
        types[i] = TEXTOID;
        nulls[i] = texts[i] == NULL ? 'n' : ' ';
        values[i] = texts[i] == NULL ? 0 : CStringGetTextDatum(texts[i]);
    }
    int code =
        SPI_execute_with_args(command, count, types, values, nulls, false, 0);
    if (code < 0)
        elog(ERROR, "%s: not a command for a script",
             SPI_result_code_string(code));
    result.rows = SPI_processed;
    if (SPI_tuptable != NULL)
        keep_rows(SPI_tuptable);
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, NULL);
}

static void try_execute(const char *command, int count, const char **texts)
{
    MemoryContextReset(result.memory);
    result.error = NULL;
    result.columns = 0;
    PG_TRY();
    {
        execute(command, count, texts);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(result.memory);
        result.error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
}

static void push_rows(lua_State *L)
{
    lua_createtable(L, (int)result.rows, 0);
    for (uint64 i = 0; i < result.rows; i++) {
        lua_createtable(L, 0, result.columns);
        for (int c = 0; c < result.columns; c++) {
            lua_pushstring(L, result.cells[i * result.columns + c]);
            lua_setfield(L, -2, result.names[c]);
        }
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* A number as Lua would write it is 1e+14 from there on, which is no bigint. */
static void write_number(lua_State *L, int index)
{
    static const lua_Number EXACT = 9007199254740992; /* 2^53 */
    char digits[DOUBLE_SHORTEST_DECIMAL_LEN];
    lua_Number number = lua_tonumber(L, index);
    if (fabs(number) <= EXACT && number == rint(number))
        snprintf(digits, sizeof digits, "%.0f", number);
    else
        double_to_shortest_decimal_buf(number, digits);
    lua_pushstring(L, digits);
    lua_replace(L, index);
}

/* NULL for nil, which is null. */
static const char *text_at(lua_State *L, int index)
{
    size_t length;
    if (lua_type(L, index) == LUA_TNUMBER)
        write_number(L, index);
    const char *text = luaL_optlstring(L, index, NULL, &length);
    luaL_argcheck(L, text == NULL || strlen(text) == length, index,
                  "a text of PostgreSQL has no zero byte");
    return text;
}

/* sql(command, ...): a list of rows, whose values are texts, or the number of
   rows that the command changed; or nil, a message and the SQLSTATE. */
static int sql(lua_State *L)
{
    const char *texts[MOST_PARAMETERS];
    int count = lua_gettop(L) - 1;
    luaL_checkstring(L, 1); /* nil is no command */
    if (count > MOST_PARAMETERS)
        return luaL_argerror(L, MOST_PARAMETERS + 2,
                             lua_pushfstring(L, "at most %d parameters, got %d",
                                             MOST_PARAMETERS, count));
    for (int i = 0; i < count; i++)
        texts[i] = text_at(L, i + 2);
    try_execute(text_at(L, 1), count, texts);
    if (result.error != NULL) {
        lua_pushnil(L);
        lua_pushstring(L, result.error->message);
        lua_pushstring(L, unpack_sql_state(result.error->sqlerrcode));
        return 3;
    }
    if (result.columns > 0)
        push_rows(L);
    else
        lua_pushnumber(L, (lua_Number)result.rows);
    return 1;
}

#endif
