#include "media/language.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define CODE_MAX 4

// Of ISO 639-1 and 639-2, terminological and bibliographic.
static const char codes[][3][CODE_MAX] = {
        {"aa", "aar"},        {"ab", "abk"},        {"af", "afr"},        {"ak", "aka"},
        {"am", "amh"},        {"an", "arg"},        {"ar", "ara"},        {"as", "asm"},
        {"av", "ava"},        {"ay", "aym"},        {"az", "aze"},        {"ba", "bak"},
        {"be", "bel"},        {"bg", "bul"},        {"bm", "bam"},        {"bn", "ben"},
        {"bo", "bod", "tib"}, {"br", "bre"},        {"bs", "bos"},        {"ca", "cat"},
        {"ce", "che"},        {"co", "cos"},        {"cs", "ces", "cze"}, {"cv", "chv"},
        {"cy", "cym", "wel"}, {"da", "dan"},        {"de", "deu", "ger"}, {"dv", "div"},
        {"dz", "dzo"},        {"ee", "ewe"},        {"el", "ell", "gre"}, {"en", "eng"},
        {"eo", "epo"},        {"es", "spa"},        {"et", "est"},        {"eu", "eus", "baq"},
        {"fa", "fas", "per"}, {"ff", "ful"},        {"fi", "fin"},        {"fj", "fij"},
        {"fo", "fao"},        {"fr", "fra", "fre"}, {"fy", "fry"},        {"ga", "gle"},
        {"gd", "gla"},        {"gl", "glg"},        {"gn", "grn"},        {"gu", "guj"},
        {"gv", "glv"},        {"ha", "hau"},        {"he", "heb"},        {"hi", "hin"},
        {"hr", "hrv", "scr"}, {"ht", "hat"},        {"hu", "hun"},        {"hy", "hye", "arm"},
        {"ia", "ina"},        {"id", "ind"},        {"ig", "ibo"},        {"is", "isl", "ice"},
        {"it", "ita"},        {"iu", "iku"},        {"ja", "jpn"},        {"jv", "jav"},
        {"ka", "kat", "geo"}, {"ki", "kik"},        {"kk", "kaz"},        {"kl", "kal"},
        {"km", "khm"},        {"kn", "kan"},        {"ko", "kor"},        {"ks", "kas"},
        {"ku", "kur"},        {"kv", "kom"},        {"kw", "cor"},        {"ky", "kir"},
        {"la", "lat"},        {"lb", "ltz"},        {"lg", "lug"},        {"ln", "lin"},
        {"lo", "lao"},        {"lt", "lit"},        {"lv", "lav"},        {"mg", "mlg"},
        {"mi", "mri", "mao"}, {"mk", "mkd", "mac"}, {"ml", "mal"},        {"mn", "mon"},
        {"mr", "mar"},        {"ms", "msa", "may"}, {"mt", "mlt"},        {"my", "mya", "bur"},
        {"nb", "nob"},        {"ne", "nep"},        {"nl", "nld", "dut"}, {"nn", "nno"},
        {"no", "nor"},        {"nv", "nav"},        {"ny", "nya"},        {"oc", "oci"},
        {"om", "orm"},        {"or", "ori"},        {"os", "oss"},        {"pa", "pan"},
        {"pl", "pol"},        {"ps", "pus"},        {"pt", "por"},        {"qu", "que"},
        {"rm", "roh"},        {"rn", "run"},        {"ro", "ron", "rum"}, {"ru", "rus"},
        {"rw", "kin"},        {"sa", "san"},        {"sc", "srd"},        {"sd", "snd"},
        {"se", "sme"},        {"sg", "sag"},        {"si", "sin"},        {"sk", "slk", "slo"},
        {"sl", "slv"},        {"sm", "smo"},        {"sn", "sna"},        {"so", "som"},
        {"sq", "sqi", "alb"}, {"sr", "srp", "scc"}, {"ss", "ssw"},        {"st", "sot"},
        {"su", "sun"},        {"sv", "swe"},        {"sw", "swa"},        {"ta", "tam"},
        {"te", "tel"},        {"tg", "tgk"},        {"th", "tha"},        {"ti", "tir"},
        {"tk", "tuk"},        {"tl", "tgl", "fil"}, {"tn", "tsn"},        {"to", "ton"},
        {"tr", "tur"},        {"ts", "tso"},        {"tt", "tat"},        {"tw", "twi"},
        {"ty", "tah"},        {"ug", "uig"},        {"uk", "ukr"},        {"ur", "urd"},
        {"uz", "uzb"},        {"ve", "ven"},        {"vi", "vie"},        {"wo", "wol"},
        {"xh", "xho"},        {"yi", "yid"},        {"yo", "yor"},        {"za", "zha"},
        {"zh", "zho", "chi"}, {"zu", "zul"},        {"iw", "heb"},        {"in", "ind"},
        {"jw", "jav"},        {"ji", "yid"},        {"zh", "cmn"},        {"zh", "yue"},
};

// The primary code in lower case; "" for what is none.
static void primary_code(const char *text, char ret[CODE_MAX]) {
        size_t n = strcspn(text, "-_");

        memset(ret, 0, CODE_MAX);
        if (n < 2 || n >= CODE_MAX)
                return;
        for (size_t i = 0; i < n; i++)
                ret[i] = (char)tolower((unsigned char)text[i]);
        if (strcmp(ret, "und") == 0)
                ret[0] = '\0';
}

static bool is_listed(const char (*row)[CODE_MAX], const char *code) {
        for (size_t i = 0; i < 3; i++)
                if (strcmp(row[i], code) == 0)
                        return true;
        return false;
}

bool media_language_is_same(const char *a, const char *b) {
        char left[CODE_MAX], right[CODE_MAX];

        primary_code(a, left);
        primary_code(b, right);
        if (left[0] == '\0' || right[0] == '\0')
                return false;
        if (strcmp(left, right) == 0)
                return true;
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (is_listed(codes[i], left) && is_listed(codes[i], right))
                        return true;
        return false;
}
