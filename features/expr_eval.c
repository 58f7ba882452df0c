#include "features/expr_pvt.h"

#include "engine/base/assert.h"

/*
 * The compiler has counted how deep the stack gets, so no cell is read before it is written; an
 * analyser that looks at one function cannot know.
 */
/* NOLINTBEGIN(clang-analyzer-*) */

/*
 * Numbers and truth values are f64 with NaN as null, so IEEE arithmetic already propagates nulls;
 * what remains is to turn every other non-finite result into null, and Kleene's tables.
 */

/* A non-finite result is null. */
static double or_null(double value)
{
    return isfinite(value) ? value : ASSAY_NULL_NUMBER;
}

static double truth(bool value)
{
    return value ? 1 : 0;
}

static double arithmetic(enum expr_op op, double a, double b)
{
    switch ((int)op) {
    case OP_ADD:
        return or_null(a + b);
    case OP_SUB:
        return or_null(a - b);
    case OP_MUL:
        return or_null(a * b);
    case OP_DIV:
        return or_null(a / b);
    default:
        ASSAY_DASSERT(op == OP_MOD);
        return or_null(fmod(a, b));
    }
}

static bool holds(enum expr_op op, int order)
{
    switch ((int)op) {
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_GT:
        return order > 0;
    default:
        ASSAY_DASSERT(op == OP_GE);
        return order >= 0;
    }
}

static double compare_numbers(enum expr_op op, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return ASSAY_NULL_NUMBER;
    }
    return truth(holds(op, (a > b) - (a < b)));
}

static double compare_texts(enum expr_op op, struct assay_str a, struct assay_str b)
{
    if (a.ptr == NULL || b.ptr == NULL) {
        return ASSAY_NULL_NUMBER;
    }
    return truth(holds(op, assay_str_compare(a, b)));
}

static double both(double a, double b)
{
    if (a == 0 || b == 0) {
        return 0;
    }
    return isnan(a) || isnan(b) ? ASSAY_NULL_NUMBER : 1;
}

static double either(double a, double b)
{
    if (a == 1 || b == 1) {
        return 1;
    }
    return isnan(a) || isnan(b) ? ASSAY_NULL_NUMBER : 0;
}

static double binary(enum expr_op op, enum assay_kind kind, const union assay_cell *a,
                     const union assay_cell *b)
{
    if (op <= OP_MOD) {
        return arithmetic(op, a->number, b->number);
    }
    if (op == OP_AND) {
        return both(a->number, b->number);
    }
    if (op == OP_OR) {
        return either(a->number, b->number);
    }
    return kind == ASSAY_KIND_TEXT ? compare_texts(op, a->text, b->text)
                                   : compare_numbers(op, a->number, b->number);
}

static bool is_null(enum assay_kind kind, const union assay_cell *cell)
{
    return kind == ASSAY_KIND_TEXT ? cell->text.ptr == NULL : isnan(cell->number);
}

static double unary(enum expr_op op, enum assay_kind kind, const union assay_cell *operand)
{
    if (op == OP_IS_NULL) {
        return truth(is_null(kind, operand));
    }
    if (op == OP_NEGATE) {
        return -operand->number;
    }
    ASSAY_DASSERT(op == OP_NOT);
    return isnan(operand->number) ? ASSAY_NULL_NUMBER : 1 - operand->number;
}

static double member(enum assay_kind kind, const union assay_cell *value, size_t count)
{
    double found = 0;
    for (size_t i = 1; i <= count; i++) {
        found = either(found, binary(OP_EQ, kind, value, value + i));
    }
    return found;
}

/* Days since the epoch, floored, so that times before 1970 work too. */
static double day_of(double ms)
{
    return floor(ms / 86400000.0);
}

static double weekday(double ms)
{
    const double day = fmod(day_of(ms) + 3, 7); /* 1970-01-01 was a Thursday */
    return (day < 0 ? day + 7 : day) + 1;
}

static double hour(double ms)
{
    return floor((ms - day_of(ms) * 86400000.0) / 3600000.0);
}

static double extreme(enum function_id id, const union assay_cell *arguments, size_t count)
{
    double best = arguments[0].number;
    for (size_t i = 1; i < count; i++) {
        const double next = arguments[i].number;
        if (isnan(best) || isnan(next)) {
            return ASSAY_NULL_NUMBER;
        }
        best = (id == FUNCTION_LEAST ? next < best : next > best) ? next : best;
    }
    return best;
}

static double numeric(enum function_id id, const union assay_cell *arguments, size_t count)
{
    const double x = arguments[0].number;
    switch ((int)id) {
    case FUNCTION_ABS:
        return fabs(x);
    case FUNCTION_FLOOR:
        return floor(x);
    case FUNCTION_CEIL:
        return ceil(x);
    case FUNCTION_ROUND:
        return round(x);
    case FUNCTION_SQRT:
        return or_null(sqrt(x));
    case FUNCTION_LOG:
        return or_null(log(x));
    case FUNCTION_EXP:
        return or_null(exp(x));
    case FUNCTION_HOUR:
        return hour(x);
    case FUNCTION_WEEKDAY:
        return weekday(x);
    default:
        return extreme(id, arguments, count);
    }
}

static union assay_cell call(const struct instruction *step, const union assay_cell *arguments)
{
    const enum function_id id = (enum function_id)step->function;
    if (id == FUNCTION_IF) {
        return arguments[0].number == 1 ? arguments[1] : arguments[2]; /* unknown is not true */
    }
    if (id == FUNCTION_COALESCE) {
        size_t i = 0;
        while (i + 1 < step->a && is_null((enum assay_kind)step->kind, &arguments[i])) {
            i++;
        }
        return arguments[i];
    }
    return (union assay_cell){.number = numeric(id, arguments, step->a)};
}

static union assay_cell field_number(const struct instruction *step, const struct assay_env *env)
{
    const struct assay_event *event = env->event;
    if (event == NULL || event->type != step->a) {
        return (union assay_cell){.number = ASSAY_NULL_NUMBER};
    }
    return (union assay_cell){
        .number = assay_event_number(event, &env->schema->events[step->a], step->b)};
}

static union assay_cell field_text(const struct instruction *step, const struct assay_env *env)
{
    const struct assay_event *event = env->event;
    if (event == NULL || event->type != step->a || !assay_event_has(event, step->b)) {
        return (union assay_cell){.text = {0}};
    }
    return (union assay_cell){.text = event->fields[step->b].text};
}

static union assay_cell load(const struct instruction *step, const struct assay_env *env)
{
    switch (step->op) {
    case I_FIELD_NUMBER:
        return field_number(step, env);
    case I_FIELD_TEXT:
        return field_text(step, env);
    case I_TIME:
        return (union assay_cell){.number = env->event == NULL ? ASSAY_NULL_NUMBER
                                                               : (double)env->event->time_ms};
    case I_AT:
        return (union assay_cell){.number = (double)env->at_ms};
    default:
        return step->constant;
    }
}

struct assay_value assay_program_eval(const struct assay_program *program,
                                      const struct assay_env *env)
{
    union assay_cell stack[ASSAY_EXPR_STACK_MAX];
    size_t top = 0;
    uint8_t state = ASSAY_STATE_OK;
    for (size_t i = 0; i < program->count; i++) {
        const struct instruction *step = &program->instructions[i];
        switch (step->op) {
        case I_SLOT:
            stack[top++] = env->slots[step->a].cell;
            state = env->slots[step->a].state > state ? env->slots[step->a].state : state;
            break;
        case I_UNARY:
            stack[top - 1].number =
                unary((enum expr_op)step->a, (enum assay_kind)step->b, &stack[top - 1]);
            break;
        case I_BINARY:
            top--;
            stack[top - 1].number = binary((enum expr_op)step->a, (enum assay_kind)step->b,
                                           &stack[top - 1], &stack[top]);
            break;
        case I_IN:
            top -= step->a;
            stack[top - 1].number = member((enum assay_kind)step->b, &stack[top - 1], step->a);
            break;
        case I_CALL:
            top -= step->a;
            stack[top] = call(step, &stack[top]);
            top++;
            break;
        default:
            stack[top++] = load(step, env);
            break;
        }
    }
    ASSAY_DASSERT(top == 1);
    return (struct assay_value){.cell = stack[0], .kind = (uint8_t)program->kind, .state = state};
}

/* NOLINTEND(clang-analyzer-*) */
