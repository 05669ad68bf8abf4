"""Recognises five languages that are understood but not answered in: ar, pt, es, ro, de.

Their answers are in English or French, within a frame in the asker's language. Arabic is known by
its script, the others by the words people type, with or without accents. French is never taken for
one of them: words that French has too count for nothing, and any French left outweighs them.
"""

import re
from collections.abc import Collection, Sequence
from typing import Literal, get_args

FrameLanguage = Literal["ar", "pt", "es", "ro", "de"]
FRAME_LANGUAGES: tuple[FrameLanguage, ...] = get_args(FrameLanguage)

_WORDS: dict[FrameLanguage, frozenset[str]] = {
    "es": frozenset(
        """
        el los las unos unas del al y pero mi su sus nuestro yo usted ustedes ellos ella como
        cuanto cuantos cuantas cuánto cuántos cuántas cuando cuándo donde dónde quien quién cual
        cuál cuales por para con sin sobre hasta desde muy mas más también tambien hay esta está
        estoy estan están estaba soy eres fue tiene tienen tienes tenía puedo puede pueden puedes
        debo debe deben hacer hago hace quiero quiere quieren quieres despido despidos despedido
        despedida despedir despiden despidieron empresa trabajo trabajar trabaja trabajé trabajador
        trabajadora trabajando trabajado jefe jefa contrato contratos indefinido temporal sueldo
        salario nomina nómina vacaciones dias días día hora horas meses años año semana semanas
        enfermedad enfermo enferma embarazada embarazo finiquito indemnizacion indemnización
        preaviso renuncia renunciar renuncio dimision dimisión dimitir derecho derechos ley pagar
        pagan paga pago pagado pagaron pagada paro liquidacion liquidación convenio prueba periodo
        período hola buenos buenas gracias ayuda cobrar cobro noche noches domingo domingos festivo
        festivos acoso jubilacion jubilación obligado obligatorio puedan firmar firmé después
        despues antes cambiar negar horario descanso mínimo ser estar este esto eso ese que qué nada
        siempre nunca ahora aunque porque porqué francés frances inglés ingles español tengo
        tres veces vez hoy ayer gano comer restaurante
        """.split()  # noqa: SIM905 - a literal would take one line per word
    ),
    "pt": frozenset(
        """
        os um uma uns umas do das na nas nos ao aos pelo pela pelos mas meu minha meus minhas seu
        sua seus suas nosso eu voce você vc voces vocês ele eles nao não sim tambem também muito
        mais com sem para por como quanto quantos quantas quando onde porque qual quais isso isto
        esta está estou estao estão estava sou tenho tem têm temos tinha posso pode podem podes
        devo deve devem fazer faço faz quero quer querem patrao patrão chefe empresa trabalho
        trabalhar trabalha trabalhador trabalhadora trabalhando trabalhei despedido despedida
        despedir despedimento demissao demissão demitido demitida demitir rescisao rescisão contrato
        contratos salario salário ordenado ferias férias dias dia hora horas semana semanas ano anos
        mes mês meses doente doenca doença baixa gravida grávida gravidez indemnizacao indemnização
        indenizacao indenização aviso previo prévio direito direitos lei pagar pagam paga pago pagou
        obrigado obrigada ola olá bom boa tarde noite desemprego fim depois antes receber recebo
        recebi tirar domingo domingos feriado feriados assédio assedio reforma aposentadoria mínimo
        minimo experiência experiencia periodo período prazo até ate recusar mudar assinar horario
        horário que já ja ainda nada sempre nunca agora francês frances inglês ingles português
        portugues demito sair quem dois duas três tres vezes vez hoje ontem ganho almoço almoco
        obrigatória obrigatorio
        """.split()  # noqa: SIM905 - a literal would take one line per word
    ),
    "ro": frozenset(
        """
        și nu este sunt sînt avem aveți aveti din pe cu fără fara pentru prin despre că ca să care
        cum cât cat câți cati câte cate când cand unde cine dacă daca dar sau foarte meu mea mei
        mele lui lor eu el noi voi îmi imi îți iti își isi mă m-a mi-a poate poți poti trebuie vreau
        vrea șef sef șeful seful patronul patronului angajator angajatorul angajatorului angajat
        angajatul muncă munca muncii muncesc muncit lucrez lucrat lucru lucra contractul
        contractului concediu concediul concediului concediat concediată concediata concediere
        concedierea concedieze demisie demisia demisionez demisiei preaviz preavizul preavizului
        salariu salariul salariului salarii ore orele zile zi zilele săptămână saptamana săptămâni
        luni lună luna ani anul drept dreptul drepturi drepturile lege legea plătit platit plata
        plată plătește plateste plătească plateasca plăti bună buna ziua seara mulțumesc multumesc
        mersi ajutor bolnav bolnavă însărcinată insarcinata gravidă sarcină sarcina nedeterminată
        nedeterminata determinată determinata perioadă perioada proba probă indemnizație
        indemnizatie indemnizația acum fost fi suplimentare noapte noaptea duminică duminica șomaj
        somaj sărbătoare sarbatoare hărțuire hartuire pensie pensionare semnez semnat schimba refuza
        obligat minim firma firmă firmei după dupa înainte inainte franceză franceza engleză engleza
        română romana în asta acest această pauză pauza masă masa obligatorie obligatoriu doi două
        doua trei ori astăzi ieri câștig castig
        """.split()  # noqa: SIM905 - a literal would take one line per word
    ),
    "de": frozenset(
        """
        ich wir ihr sie mir mich mein meine meinem meinen meiner meines ihre ihrem ihren unser
        unsere der das ein eine einen einem einer eines und oder aber nicht kein keine keinen keiner
        mit ohne für fuer bei von vom zum zur auf aus nach seit vor über ueber unter wegen während
        waehrend dass weil wenn ob wie wer wann warum welche welcher welches welchen wieviel viele
        viel mehr noch schon auch nur immer jetzt heute gestern morgen hallo guten danke dank vielen
        bitte ist sind waren habe haben hatte wird werde werden wurde kann können koennen darf
        dürfen duerfen muss müssen muessen soll möchte moechte wollen gibt bekomme bekommen arbeite
        arbeitet arbeiten arbeit arbeiter arbeitgeber arbeitnehmer arbeitsvertrag arbeitszeit
        arbeitsunfall vertrag chefin betrieb kündigen kuendigen kündigung kuendigung gekündigt
        gekuendigt kündigungsfrist kuendigungsfrist entlassen entlassung lohn gehalt bezahlt zahlt
        zahlen urlaub urlaubstage überstunden ueberstunden stunden stunde woche wochen monat monate
        monaten jahr jahre jahren tage tagen krank krankheit krankgeschrieben schwanger
        schwangerschaft mutterschutz elternzeit probezeit abfindung mindestlohn feiertag feiertage
        sonntag sonntags nachts recht rechte gesetz gericht anspruch frist ruhestand befristet
        unbefristet teilzeit abmahnung unterschreiben frankreich französisch franzoesisch englisch
        deutsch zeugnis streik betriebsrat
        """.split()  # noqa: SIM905 - a literal would take one line per word
    ),
}
_SIGNS: dict[FrameLanguage, re.Pattern[str]] = {
    "es": re.compile(r"ñ|(?:ción|ciones|idad|amiento|amos|ieron)$"),
    "pt": re.compile(r"[ãõ]|(?:ç[oa]s?|ções|ões|agem|lho|lha|nho|nha|dade|amos|eiro)$"),
    "ro": re.compile(r"[ășțşţ]|(?:ului|ilor|elor|ează|eaza|ție|tiei|esc|ește)$"),
    "de": re.compile(r"ß|[äöü].*(?:en|er|ung|t)$|(?:ungen|keit|heit|schaft|lich|isch|stunden)$"),
}
_PHRASES: dict[FrameLanguage, re.Pattern[str]] = {
    "es": re.compile(r"[¿¡]|\b(?:que es|es que|es el|es un)\b"),
    "pt": re.compile(r"\b(?:o que|que é|é (?:o|a|um)|e (?:o|a)|o (?:meu|seu)|a (?:minha|sua))\b"),
    "ro": re.compile(r"\b(?:ce este|ce sunt|s-a|m-a|m-au|mi-a|mi-au|nu am|am (?:dreptul|fost))\b"),
    "de": re.compile(
        r"\b(?:was (?:ist|sind|kann|muss|nun|tun)|wie (?:lange?|viele?)|in der|an der|was tun)\b"
    ),
}
"""Of words that French has too, side by side as it never has them."""
_FEWEST_LETTERS = 3
_SIGN_WEIGHT = 0.5
_LEAST = 1.0
_HALF = re.compile(r"\bmi-", re.IGNORECASE)
"""French: "mi-temps"."""
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
_IN_FRENCH = re.compile(
    r"\b(?:en|in|em|în|la|auf|limba|língua|lengua|idioma)\W+(?:fran[cç][eé]s|fran[cç][eê]s|fran[cç]ais"
    r"|fran[cç]aise|french|francez[aă]|franz(?:ö|oe)sisch)\b|الفرنسية|بالفرنسية?"
)
_IN_ENGLISH = re.compile(
    r"\b(?:en|in|em|în|la|auf|limba|língua|lengua|idioma)\W+(?:ingl[eé]s|ingl[eê]s|anglais|english"
    r"|englez[aă]|englisch)\b|الإنجليزية|الانجليزية|بالإنجليزية?|بالانجليزية?"
)


_ONLY_POLITE = re.compile(
    r"\W*(?:(?:et|and|y|e|și|si|可以|请|用|قل|اجب|أجب|responda\w*|responde\w*|respunde\w*|răspunde\w*"
    r"|answer|reply|réponds?|répondez|merci|please|por favor|svp|stp|s'il (?:vous|te) pla[iî]t"
    r"|vă rog|va rog|te rog|bitte|antworten|antworte|danke|من فضلك|me|mi|îmi|moi|nous)\W*)*"
)


def only_asks_for_language(text: str) -> bool:
    """Whether a message asks for nothing but the language of the answer ("en français svp")."""
    lower = text.lower()
    rest = _IN_ENGLISH.sub(" ", _IN_FRENCH.sub(" ", lower))
    return rest != lower and _ONLY_POLITE.fullmatch(rest) is not None


def arabic_letters(text: str) -> int:
    """Return how many Arabic letters a text has."""
    return len(_ARABIC.findall(text))


def frame_language_of(
    text: str, words: Sequence[str], known: Collection[str], against: float
) -> FrameLanguage | None:
    """Return which of pt, es, ro and de a text of lower-case `words` is written in; None for none.

    `known` are words of French or English: they tell nothing, whichever language has them too.
    `against` is how much of the text is plainly French or English.
    """
    half = _HALF.search(text)
    own = [word for word in words if word not in known and not (half and word == "mi")]
    scores = {
        language: sum(
            1.0
            if word in listed and len(word) >= _FEWEST_LETTERS
            else _SIGN_WEIGHT * bool(word in listed or _SIGNS[language].search(word))
            for word in own
        )
        + 2 * len(_PHRASES[language].findall(text.lower()))
        for language, listed in _WORDS.items()
    }
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= _LEAST and scores[best] > against else None


def asks_for(text: str) -> Literal["fr", "en"] | None:
    """Return which of our languages a message asks its answer in ("em francês"); None for none."""
    lower = text.lower()
    if _IN_FRENCH.search(lower):
        return "fr"
    return "en" if _IN_ENGLISH.search(lower) else None
