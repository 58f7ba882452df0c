#include "features/record_pvt.h"
#include "tests/unit/features/store_kit.h"

/*
 * Rows and the texts they name, against a plain array: whatever form a chunk has, it gives back
 * what was put into it.
 */

enum { COLUMNS = 2, CASES = 400, MEMORY = 16 << 20 };

struct model_row {
    int64_t time_ms;
    int64_t cells[COLUMNS];
};

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

/* Numbers of every size, the borders of 32 bits, null. */
static int64_t draw_cell(bool large)
{
    static const int64_t borders[] = {INT32_MAX,       INT32_MIN + 1LL, INT32_MIN,
                                      INT32_MAX + 1LL, CELL_NULL,       -1};
    const uint64_t kind = draw(large ? 6 : 4);
    if (kind == 4) {
        return borders[draw(sizeof borders / sizeof borders[0])];
    }
    if (kind == 5) {
        return (int64_t)(draw(1U << 30) * draw(1U << 23)) * (draw(2) == 0 ? 1 : -1);
    }
    return kind == 3 ? CELL_NULL : (int64_t)draw(200) - 100;
}

static struct row lay(const struct stream_layout *layout, const struct model_row *model,
                      unsigned char *room)
{
    struct chunk *chunk = (struct chunk *)(void *)room;
    *chunk =
        (struct chunk){.count = 1, .capacity = 1, .is_wide = 1, .row_bytes = layout->row_bytes[1]};
    memset(chunk->rows, 0, layout->row_bytes[1]);
    memcpy(chunk->rows, &model->time_ms, sizeof model->time_ms);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        memcpy(chunk->rows + cell_place(true, c), &model->cells[c], sizeof model->cells[c]);
    }
    return (struct row){.chunk = chunk};
}

static void assert_rows(const struct chunk *chunk, const struct model_row models[], uint32_t from)
{
    for (uint32_t at = 0; at < chunk->count; at++) {
        const struct row row = {.chunk = chunk, .at = at};
        assert_int_equal(row_time(row), models[from + at].time_ms);
        for (uint32_t c = 0; c < COLUMNS; c++) {
            assert_int_equal(row_cell(row, c).integer, models[from + at].cells[c]);
        }
    }
}

static void open_numbers(struct kit *kit)
{
    kit_init(kit, 0, 0);
    kit_feature(kit, KIT_USER, "a", "sum(pay.amount) over 900d");
    kit_feature(kit, KIT_USER, "b", "sum(pay.n) over 900d");
    kit_open(kit, MEMORY);
}

static struct log_context context_of(struct kit *kit)
{
    static struct assay_record record;
    record = (struct assay_record){.entity = KIT_USER, .newest_ms = INT64_MIN};
    return log_context_of(kit->store, &record, 0);
}

static void a_chunk_gives_back_what_was_put_into_it_whatever_its_form(void **state)
{
    (void)state;
    struct kit kit;
    open_numbers(&kit);
    const struct log_context context = context_of(&kit);
    assert_int_equal(context.layout->stream->column_count, COLUMNS);
    uint32_t forms[2] = {0};
    for (int i = 0; i < CASES; i++) {
        struct model_row models[CHUNK_ROWS_MAX];
        _Alignas(16) unsigned char room[256];
        const bool large = draw(2) == 0;
        const uint64_t spread_ms = UINT64_C(1) << draw(36);
        uint32_t count = 0;
        struct chunk *chunk = NULL;
        while (count < CHUNK_ROWS_MAX && draw(40) != 0) {
            struct model_row model = {.time_ms = (int64_t)draw(spread_ms) - 1000000};
            model.cells[0] = draw_cell(large);
            model.cells[1] = draw_cell(large && draw(4) == 0);
            uint32_t place = count;
            while (place > 0 && models[place - 1].time_ms > model.time_ms) {
                models[place] = models[place - 1];
                place--;
            }
            models[place] = model;
            const struct row row = lay(context.layout, &model, room);
            if (chunk != NULL && chunk->count < chunk->capacity &&
                assay_chunk_takes(&context, chunk, row)) {
                assay_chunk_insert(&context, chunk, place, row);
            } else {
                const struct chunk_source source = {
                    .chunk = chunk, .to = count + 1, .row = row, .place = place};
                struct chunk *copy = assay_chunk_copy(&context, &source, count + 1);
                assay_chunk_free(&context, chunk);
                chunk = copy;
                assert_non_null(chunk);
            }
            count++;
            assert_int_equal(chunk->count, count);
            assert_rows(chunk, models, 0);
        }
        if (chunk != NULL) {
            forms[chunk->is_wide]++;
            const uint32_t gone = (uint32_t)draw(count);
            assay_chunk_shift(chunk, gone);
            assert_rows(chunk, models, gone);
        }
        assay_chunk_free(&context, chunk);
    }
    assert_true(forms[0] > CASES / 10 && forms[1] > CASES / 10);
    kit_close(&kit);
}

static void small_numbers_close_together_take_four_bytes_each(void **state)
{
    (void)state;
    struct kit kit;
    open_numbers(&kit);
    const struct log_context context = context_of(&kit);
    assert_int_equal(context.layout->row_bytes[0], 12);
    assert_int_equal(context.layout->row_bytes[1], 24);
    kit_close(&kit);
}

static void equal_texts_have_one_name_and_live_as_long_as_it_is_needed(void **state)
{
    (void)state;
    enum { TEXTS = 500 };
    struct kit kit;
    open_numbers(&kit);
    struct texts *texts = &kit.store->texts;
    static uint32_t names[TEXTS];
    static char bytes[TEXTS][24];
    const uint64_t empty = assay_texts_bytes(texts);
    for (int i = 0; i < TEXTS; i++) {
        /* of one length, and alike but for the middle */
        (void)snprintf(bytes[i], sizeof bytes[i], "a text %06d of many", i);
        names[i] = assay_text_intern(texts, assay_str_of(bytes[i]));
        assert_int_not_equal(names[i], ASSAY_NONE);
    }
    const uint64_t full = assay_texts_bytes(texts);
    for (int i = 0; i < TEXTS; i++) {
        assert_int_equal(assay_text_intern(texts, assay_str_of(bytes[i])), names[i]);
        const struct assay_str text = assay_text_at(&kit.store->slab, names[i]);
        assert_true(assay_str_equal(text, assay_str_of(bytes[i])));
        const union cell cell = text_cell(names[i]);
        assert_true(cell.integer != CELL_NULL && text_of(cell) == names[i]);
    }
    assert_int_equal(assay_texts_bytes(texts), full);
    assert_int_equal(texts->count, TEXTS);
    for (int i = 0; i < TEXTS; i++) {
        assay_text_release(texts, names[i]);
        assert_true(
            assay_str_equal(assay_text_at(&kit.store->slab, names[i]), assay_str_of(bytes[i])));
        assay_text_release(texts, names[i]);
    }
    assert_int_equal(texts->count, 0);
    assert_int_equal(texts->bytes, 0);
    assert_true(assay_texts_bytes(texts) >= empty); /* its index does not shrink */
    kit_close(&kit);
}

/* Rows leave by the horizon, with a folded lifetime and with their key: so do their texts. */
static void what_rows_name_goes_with_the_last_of_them(void **state)
{
    (void)state;
    struct kit kit;
    kit_init(&kit, 0, 0);
    kit_feature(&kit, KIT_USER, "d", "count_distinct(pay.channel) over 1h");
    kit_feature(&kit, KIT_USER, "f", "first(transfer@payer.tag)");
    kit_feature(&kit, KIT_USER, "l", "last(transfer@payer.tag)");
    kit.entities[KIT_USER].capacity = 2;
    kit.entities[KIT_USER].evicts = true;
    kit_open(&kit, MEMORY);
    for (int i = 0; i < 6000; i++) {
        char text[24];
        char user[24];
        (void)snprintf(text, sizeof text, "text %d", i);
        (void)snprintf(user, sizeof user, "u%d", i / 2000);
        const int64_t time_ms = i * 60000LL - (i % 7 == 0 ? 900000 : 0);
        struct assay_event event =
            kit_event(i % 2 == 0 ? KIT_PAY : KIT_TRANSFER, time_ms, user, NULL);
        kit_set_text(&event, KIT_CHANNEL, text);
        kit_set_text(&event, KIT_TAG, text);
        kit_apply(&kit, &event, user);
        /* an hour of texts, the chunks that reach beyond it, and the edges of lifetimes */
        assert_true(kit.store->texts.count < 600);
    }
    assert_true(kit_read(&kit, "u2", 5999 * 60000LL, "user.d").cell.number > 20);
    kit_close(&kit);
}

/* ---- kept windows of such rows ---- */

enum { PLAIN_WINDOWS = 3, PLAIN_EVENTS = 150, PLAIN_STORES = 40 };

/* Sums of every size: they leave the packed form, cancel out, and come back to small ones. */
static int64_t draw_amount(int64_t last)
{
    switch (draw(12)) {
    case 0: /* the most that a packed sum takes, or a narrow row */
        return (INT64_C(1) << (30 + draw(2))) - (int64_t)draw(3) - 1;
    case 1:
        return (INT64_C(1) << 33) + (int64_t)draw(1000);
    case 2:
        return -last; /* what was large adds up to a small sum */
    default:
        return (int64_t)draw(2000) - 1000;
    }
}

static void kept_windows_of_numbers_of_any_size_are_exact(void **state)
{
    (void)state;
    static const int64_t spans_ms[PLAIN_WINDOWS] = {40, 700, 20000};
    static int64_t times[PLAIN_EVENTS];
    static int64_t amounts[PLAIN_EVENTS];                /* CELL_NULL: null */
    for (int store = 0; store < PLAIN_STORES; store++) { /* what has been wide stays so */
        const bool nulls = store % 2 != 0;
        struct kit kit;
        kit_init(&kit, 0, 0);
        kit_feature(&kit, KIT_USER, "c", "count(pay) over [40ms, 700ms, 20s]");
        kit_feature(&kit, KIT_USER, "s", "sum(pay.n) over [40ms, 700ms, 20s]");
        kit_open(&kit, MEMORY);
        int64_t time_ms = 0;
        for (int i = 0; i < PLAIN_EVENTS; i++) {
            struct assay_event event;
            time_ms += (int64_t)draw(draw(50) == 0 ? 30000 : 30);
            times[i] = time_ms;
            amounts[i] =
                nulls && draw(60) == 0
                    ? CELL_NULL
                    : draw_amount(i == 0 || amounts[i - 1] == CELL_NULL ? 0 : amounts[i - 1]);
            event = kit_event(KIT_PAY, time_ms, "u", NULL);
            if (amounts[i] != CELL_NULL) {
                kit_set_integer(&event, KIT_N, amounts[i]);
            }
            kit_apply(&kit, &event, "u");
            for (int w = 0; w < PLAIN_WINDOWS; w++) {
                static const char *const names[2][PLAIN_WINDOWS] = {
                    {"user.c_40ms", "user.c_700ms", "user.c_20s"},
                    {"user.s_40ms", "user.s_700ms", "user.s_20s"}};
                int64_t sum = 0;
                int from = i + 1;
                while (from > 0 && times[from - 1] > time_ms - spans_ms[w]) {
                    from--;
                    sum += amounts[from] == CELL_NULL ? 0 : amounts[from];
                }
                assert_number(kit_slice(&kit, names[0][w]), (double)(i + 1 - from));
                assert_number(kit_slice(&kit, names[1][w]), (double)sum);
            }
        }
        kit_close(&kit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_gives_back_what_was_put_into_it_whatever_its_form),
        cmocka_unit_test(small_numbers_close_together_take_four_bytes_each),
        cmocka_unit_test(equal_texts_have_one_name_and_live_as_long_as_it_is_needed),
        cmocka_unit_test(kept_windows_of_numbers_of_any_size_are_exact),
        cmocka_unit_test(what_rows_name_goes_with_the_last_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
