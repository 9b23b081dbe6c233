#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/tokenizer.h"
#include "util/mem.h"

// An index in memory, of one text at a time.
struct index_rig {
        sqlite3 *db;
};

static int index_setup(void **state) {
        struct index_rig *rig = xnew(struct index_rig);
        struct error error = {0};

        assert_int_equal(sqlite3_open(":memory:", &rig->db), SQLITE_OK);
        assert_int_equal(tokenizer_register(rig->db, &error), 0);
        assert_int_equal(
                sqlite3_exec(rig->db,
                             "CREATE VIRTUAL TABLE texts USING fts5(text, tokenize=eavesdrop);"
                             "CREATE VIRTUAL TABLE tokens USING fts5vocab(texts, instance)",
                             NULL, NULL, NULL),
                SQLITE_OK);
        *state = rig;
        return 0;
}

static int index_teardown(void **state) {
        struct index_rig *rig = *state;

        assert_int_equal(sqlite3_close(rig->db), SQLITE_OK);
        free(rig);
        return 0;
}

// The first value that the statement gives for this text, or "" when there is none.
static char *index_ask(struct index_rig *rig, const char *sql, const char *text) {
        sqlite3_stmt *statement;
        const char *value = "";
        char *copy;

        assert_int_equal(sqlite3_prepare_v2(rig->db, sql, -1, &statement, NULL), SQLITE_OK);
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
                value = (const char *)sqlite3_column_text(statement, 0);
        copy = xstrdup(value ? value : "");
        assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
        return copy;
}

static void index_fill(struct index_rig *rig, const char *text) {
        free(index_ask(rig, "DELETE FROM texts", NULL));
        free(index_ask(rig, "INSERT INTO texts VALUES (?1)", text));
}

static void assert_tokens(struct index_rig *rig, const char *text, const char *expected) {
        CLEANUP(mem_freep) char *tokens = NULL;

        index_fill(rig, text);
        tokens = index_ask(rig,
                           "SELECT group_concat(term, '|') FROM"
                           " (SELECT term FROM tokens ORDER BY offset)",
                           NULL);
        assert_string_equal(tokens, expected);
}

// The text that was filled in, with brackets around what the phrase finds; "" for nothing.
static void assert_found(struct index_rig *rig, const char *phrase, const char *expected) {
        CLEANUP(mem_freep) char *quoted = xasprintf("\"%s\"", phrase);
        CLEANUP(mem_freep)
        char *marked = index_ask(
                rig, "SELECT highlight(texts, 0, '[', ']') FROM texts WHERE texts MATCH ?1",
                quoted);

        assert_string_equal(marked, expected);
}

static void case_and_accents_are_folded(void **state) {
        struct index_rig *rig = *state;

        assert_tokens(rig, "Việt ÅNGSTRÖM: cafe\u0301 ΕΛΛΑΣ ЛЁД v2.0",
                      "viet|angstrom|cafe|ελλασ|лед|v2|0");
        assert_found(rig, "ANGSTROM cafe", "Việt [ÅNGSTRÖM: cafe\u0301] ΕΛΛΑΣ ЛЁД v2.0");
        assert_found(rig, "angström", "Việt [ÅNGSTRÖM]: cafe\u0301 ΕΛΛΑΣ ЛЁД v2.0");
}

static void other_scripts_have_accents_too(void **state) {
        struct index_rig *rig = *state;

        assert_tokens(rig, "Ελλάδα Straße ＡＢＣ１ Łódź", "ελλαδα|strasse|abc1|lodz");
        assert_found(rig, "ΕΛΛΑΔΑ STRASSE", "[Ελλάδα Straße] ＡＢＣ１ Łódź");
}

static void words_with_vowel_signs_are_whole(void **state) {
        assert_tokens(*state, "हिन्दी में", "हिन्दी|में");
}

static void each_character_of_scripts_without_blanks_is_a_token(void **state) {
        assert_tokens(*state, "我们在东京。ひらカタ々ー", "我|们|在|东|京|ひ|ら|カ|タ|々|ー");
        assert_tokens(*state, "𠮷𠮷野家", "𠮷|𠮷|野|家");
        assert_tokens(*state, "ﾃｽﾄ", "テ|ス|ト");
        assert_tokens(*state, "๒๕", "๒|๕");
}

static void marks_belong_to_the_character_before_them(void **state) {
        assert_tokens(*state, "กินน้ำ", "กิ|น|น้ํ|า");   // Thai
        assert_tokens(*state, "ກິນນ້ຳ", "ກິ|ນ|ນ້ໍ|າ");   // Lao
        assert_tokens(*state, "ខ្មែរ", "ខ្មែ|រ");     // Khmer
        assert_tokens(*state, "မြန်မာ", "မြ|န်|မာ");  // Myanmar
        assert_tokens(*state, "か\u3099ﾊ\uff9f", "か\u3099|ハ\u309a");
}

static void a_character_in_another_shape_is_found(void **state) {
        struct index_rig *rig = *state;

        assert_tokens(rig, "葛\U000e0100城", "葛|城");
        assert_found(rig, "葛城", "[葛\U000e0100城]");
        assert_found(rig, "葛\ufe00", "[葛\U000e0100]城");
}

static void words_of_one_two_and_three_characters_are_found(void **state) {
        struct index_rig *rig = *state;

        index_fill(rig, "昨天我去了東京大学図書館。");
        assert_found(rig, "我", "昨天[我]去了東京大学図書館。");
        assert_found(rig, "東京", "昨天我去了[東京]大学図書館。");
        assert_found(rig, "図書館", "昨天我去了東京大学[図書館]。");
        assert_found(rig, "京東", "");
        index_fill(rig, "ผมไปตลาดเมื่อวาน");
        assert_found(rig, "ตลาด", "ผมไป[ตลาด]เมื่อวาน");
        assert_found(rig, "ตลก", "");
}

static void scripts_may_meet_within_a_text(void **state) {
        struct index_rig *rig = *state;

        assert_tokens(rig, "用iPhone拍照 OK了", "用|iphone|拍|照|ok|了");
        assert_found(rig, "iphone拍", "用[iPhone拍]照 OK了");
        assert_found(rig, "phone", "");
}

static void bytes_that_are_no_text_do_no_harm(void **state) {
        struct index_rig *rig = *state;

        index_fill(rig, "\xff\xe4\xb8 one \xe4\xb8\xad\xcc two\xf0\x9f");
        assert_found(rig, "中", "\xff\xe4\xb8 one [\xe4\xb8\xad]\xcc two\xf0\x9f");
        assert_found(rig, "one", "\xff\xe4\xb8 [one] \xe4\xb8\xad\xcc two\xf0\x9f");
        assert_tokens(rig, "", "");
}

static void it_takes_no_options(void **state) {
        struct index_rig *rig = *state;

        assert_int_not_equal(sqlite3_exec(rig->db,
                                          "CREATE VIRTUAL TABLE others USING fts5(text,"
                                          " tokenize='eavesdrop remove_diacritics 0')",
                                          NULL, NULL, NULL),
                             SQLITE_OK);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(case_and_accents_are_folded),
                cmocka_unit_test(other_scripts_have_accents_too),
                cmocka_unit_test(words_with_vowel_signs_are_whole),
                cmocka_unit_test(each_character_of_scripts_without_blanks_is_a_token),
                cmocka_unit_test(marks_belong_to_the_character_before_them),
                cmocka_unit_test(a_character_in_another_shape_is_found),
                cmocka_unit_test(words_of_one_two_and_three_characters_are_found),
                cmocka_unit_test(scripts_may_meet_within_a_text),
                cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
                cmocka_unit_test(it_takes_no_options),
        };

        return cmocka_run_group_tests(tests, index_setup, index_teardown);
}
