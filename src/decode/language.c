#include "decode/language.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "util/nearest.h"

// Longer than any name; what is longer is none.
#define TEXT_MAX 64

// As much of an unknown language as is quoted.
#define QUOTE_MAX 40

// By Whisper's tokens: its code, and those of ISO 639-2 and 639-3 (terminological and
// bibliographic, and of a macrolanguage's main member).
static const struct {
        const char code[4];
        const char longer[3][4];
} codes[LANGUAGES] = {
        {"en", {"eng"}},        {"zh", {"zho", "chi", "cmn"}},
        {"de", {"deu", "ger"}}, {"es", {"spa"}},
        {"ru", {"rus"}},        {"ko", {"kor"}},
        {"fr", {"fra", "fre"}}, {"ja", {"jpn"}},
        {"pt", {"por"}},        {"tr", {"tur"}},
        {"pl", {"pol"}},        {"ca", {"cat"}},
        {"nl", {"nld", "dut"}}, {"ar", {"ara", "arb"}},
        {"sv", {"swe"}},        {"it", {"ita"}},
        {"id", {"ind"}},        {"hi", {"hin"}},
        {"fi", {"fin"}},        {"vi", {"vie"}},
        {"he", {"heb"}},        {"uk", {"ukr"}},
        {"el", {"ell", "gre"}}, {"ms", {"msa", "may", "zsm"}},
        {"cs", {"ces", "cze"}}, {"ro", {"ron", "rum", "mol"}},
        {"da", {"dan"}},        {"hu", {"hun"}},
        {"ta", {"tam"}},        {"no", {"nor", "nob"}},
        {"th", {"tha"}},        {"ur", {"urd"}},
        {"hr", {"hrv", "scr"}}, {"bg", {"bul"}},
        {"lt", {"lit"}},        {"la", {"lat"}},
        {"mi", {"mri", "mao"}}, {"ml", {"mal"}},
        {"cy", {"cym", "wel"}}, {"sk", {"slk", "slo"}},
        {"te", {"tel"}},        {"fa", {"fas", "per", "pes"}},
        {"lv", {"lav", "lvs"}}, {"bn", {"ben"}},
        {"sr", {"srp", "scc"}}, {"az", {"aze", "azj"}},
        {"sl", {"slv"}},        {"kn", {"kan"}},
        {"et", {"est", "ekk"}}, {"mk", {"mkd", "mac"}},
        {"br", {"bre"}},        {"eu", {"eus", "baq"}},
        {"is", {"isl", "ice"}}, {"hy", {"hye", "arm"}},
        {"ne", {"nep", "npi"}}, {"mn", {"mon", "khk"}},
        {"bs", {"bos"}},        {"kk", {"kaz"}},
        {"sq", {"sqi", "alb"}}, {"sw", {"swa", "swh"}},
        {"gl", {"glg"}},        {"mr", {"mar"}},
        {"pa", {"pan"}},        {"si", {"sin"}},
        {"km", {"khm"}},        {"sn", {"sna"}},
        {"yo", {"yor"}},        {"so", {"som"}},
        {"af", {"afr"}},        {"oc", {"oci"}},
        {"ka", {"kat", "geo"}}, {"be", {"bel"}},
        {"tg", {"tgk"}},        {"sd", {"snd"}},
        {"gu", {"guj"}},        {"am", {"amh"}},
        {"yi", {"yid"}},        {"lo", {"lao"}},
        {"uz", {"uzb", "uzn"}}, {"fo", {"fao"}},
        {"ht", {"hat"}},        {"ps", {"pus"}},
        {"tk", {"tuk"}},        {"nn", {"nno"}},
        {"mt", {"mlt"}},        {"sa", {"san"}},
        {"lb", {"ltz"}},        {"my", {"mya", "bur"}},
        {"bo", {"bod", "tib"}}, {"tl", {"tgl", "fil"}},
        {"mg", {"mlg", "plt"}}, {"as", {"asm"}},
        {"tt", {"tat"}},        {"haw", {""}},
        {"ln", {"lin"}},        {"ha", {"hau"}},
        {"ba", {"bak"}},        {"jw", {"jav"}},
        {"su", {"sun"}},        {"yue", {""}},
};

// The first LANGUAGES in the order above; then those of `aliases`, in its order.
const char *const language_names[] = {
        "English", "Chinese", "German", "Spanish", "Russian", "Korean", "French", "Japanese",
        "Portuguese", "Turkish", "Polish", "Catalan", "Dutch", "Arabic", "Swedish", "Italian",
        "Indonesian", "Hindi", "Finnish", "Vietnamese", "Hebrew", "Ukrainian", "Greek", "Malay",
        "Czech", "Romanian", "Danish", "Hungarian", "Tamil", "Norwegian", "Thai", "Urdu",
        "Croatian", "Bulgarian", "Lithuanian", "Latin", "Maori", "Malayalam", "Welsh", "Slovak",
        "Telugu", "Persian", "Latvian", "Bengali", "Serbian", "Azerbaijani", "Slovenian",
        "Kannada", "Estonian", "Macedonian", "Breton", "Basque", "Icelandic", "Armenian",
        "Nepali", "Mongolian", "Bosnian", "Kazakh", "Albanian", "Swahili", "Galician",
        "Marathi", "Punjabi", "Sinhala", "Khmer", "Shona", "Yoruba", "Somali", "Afrikaans",
        "Occitan", "Georgian", "Belarusian", "Tajik", "Sindhi", "Gujarati", "Amharic",
        "Yiddish", "Lao", "Uzbek", "Faroese", "Haitian Creole", "Pashto", "Turkmen", "Nynorsk",
        "Maltese", "Sanskrit", "Luxembourgish", "Myanmar", "Tibetan", "Tagalog", "Malagasy",
        "Assamese", "Tatar", "Hawaiian", "Lingala", "Hausa", "Bashkir", "Javanese", "Sundanese",
        "Cantonese",
        // Further names that Whisper's own tokenizer knows.
        "Burmese", "Valencian", "Flemish", "Haitian", "Letzeburgesch", "Pushto", "Panjabi",
        "Moldavian", "Moldovan", "Sinhalese", "Castilian", "Mandarin",
        // And others in use.
        "Farsi", "Filipino", "Slovene", "Bangla", "Cambodian", "Azeri", "Bokmal", "Bokmål",
        "Norwegian Bokmal", "Norwegian Bokmål", "Norwegian Nynorsk", "Modern Greek",
        "Simplified Chinese", "Traditional Chinese", "Mandarin Chinese", "Brazilian Portuguese",
        "auto", NULL};

static const char aliases[][4] = {
        "my", "ca", "nl", "ht", "lb", "ps", "pa", "ro", "ro", "si",
        "es", "zh", "fa", "tl", "sl", "bn", "km", "az", "no", "no",
        "no", "no", "nn", "el", "zh", "zh", "zh", "pt", "",
};

_Static_assert(sizeof(language_names) / sizeof(language_names[0]) - 1 ==
                       LANGUAGES + sizeof(aliases) / sizeof(aliases[0]),
               "each name has a code");

// Codes of ISO 639-1 that were replaced, or that Whisper does not follow.
static const struct {
        const char other[3], code[3];
} other_codes[] = {
        {"iw", "he"}, {"in", "id"}, {"ji", "yi"}, {"jv", "jw"}, {"mo", "ro"}, {"nb", "no"},
};

const char *language_code(int i) {
        return codes[i].code;
}

static const char *name_resolve(const char *name) {
        for (size_t i = 0; language_names[i]; i++)
                if (strcasecmp(language_names[i], name) == 0)
                        return i < LANGUAGES ? codes[i].code : aliases[i - LANGUAGES];
        return NULL;
}

static const char *code_resolve(const char *code) {
        if (code[0] == '\0')
                return NULL;
        for (size_t i = 0; i < LANGUAGES; i++) {
                if (strcasecmp(codes[i].code, code) == 0)
                        return codes[i].code;
                for (size_t k = 0; k < 3; k++)
                        if (strcasecmp(codes[i].longer[k], code) == 0)
                                return codes[i].code;
        }
        for (size_t i = 0; i < sizeof(other_codes) / sizeof(other_codes[0]); i++)
                if (strcasecmp(other_codes[i].other, code) == 0)
                        return other_codes[i].code;
        return NULL;
}

// Without the blanks around it, and with blanks for what joins words. False when it is too long
// for a name.
static bool text_normalise(char ret[TEXT_MAX], const char *text) {
        size_t n;

        while (isspace((unsigned char)*text))
                text++;
        n = strlen(text);
        while (n > 0 && isspace((unsigned char)text[n - 1]))
                n--;
        if (n == 0 || n >= TEXT_MAX)
                return false;
        memcpy(ret, text, n);
        ret[n] = '\0';
        for (char *sign = ret; (sign = strpbrk(sign, "-_")); sign++)
                *sign = ' ';
        return true;
}

// Of a tag ("zh hant tw") the language alone; "en_US.UTF-8" and "Chinese (Simplified)"
// likewise. Cuts `tag` there. False when what follows is nothing that belongs to a tag.
static bool tag_cut(char *tag) {
        size_t length = strcspn(tag, " .@");

        if (tag[length] == '\0' || tag[length + 1] == '\0')
                return false;
        for (const char *rest = tag + length; *rest; rest++)
                if (!isalnum((unsigned char)*rest) && !strchr(" .@()", *rest))
                        return false;
        tag[length] = '\0';
        return true;
}

const char *language_resolve(const char *text) {
        char whole[TEXT_MAX] = "";
        const char *code;

        if (!text_normalise(whole, text))
                return NULL;
        code = name_resolve(whole);
        if (!code)
                code = code_resolve(whole);
        if (code)
                return code;
        // The one tag whose second part is the language that is spoken.
        if (strncasecmp(whole, "zh yue", 6) == 0 && !isalnum((unsigned char)whole[6]))
                return code_resolve("yue");
        if (!tag_cut(whole) || strcasecmp(whole, "auto") == 0)
                return NULL;
        code = code_resolve(whole);
        return code ? code : name_resolve(whole);
}

int language_wish(const char **ret, const char *text, struct error *error) {
        const char *code = language_resolve(text), *nearest;

        if (code) {
                *ret = code;
                return 0;
        }
        nearest = nearest_find(text, language_names);
        return error_set(
                error, -EINVAL, "unknown language \"%.*s%s\"; %s%s%s", QUOTE_MAX, text,
                strlen(text) > QUOTE_MAX ? "..." : "",
                nearest ? "did you mean \"" : "expected a name or code such as English,",
                nearest ? nearest : " de or zh-CN, or auto to detect it", nearest ? "\"?" : "");
}
