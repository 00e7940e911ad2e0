"""The words that carry a claim, by what they do in a clause.

Kinds: `find` (something wrong; 3 names it in general, 2 in particular, 1 only in context), `good` (nothing wrong; the same
weights), `neg` (denies what follows), `lack` (denies a finding that follows; is one where none follows), `modal`
(makes what follows conditional), and the rest as `KINDS` explains. Weights order evidence; they are no probabilities.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """What a word or a phrase does in a clause."""

    kind: str
    weight: int = 0


KINDS = {
    "find": "something wrong",
    "good": "nothing wrong",
    "neg": "denies what follows in its clause",
    "freeof": "denies what follows, and turns an earlier denial round (not without, not free of)",
    "lack": "freeof, but itself a finding where it denies none (lacks a leg)",
    "other": "denies further findings, which says nothing of the first",
    "modal": "makes what follows conditional",
    "cond": "makes its sentence conditional",
    "considered": "after a modal, makes the sentence conditional (could be considered)",
    "whether": "what follows is not asserted",
    "should": "what follows is a norm, not an observation",
    "required": "a norm that was named; with a contrast or a count, it was not kept",
    "only": "fewer than wanted, where a norm is named",
    "contrast": "starts a clause that outweighs the one before",
    "while": "starts another clause",
    "except": "what follows is asserted although the rest is denied",
    "rather": "what follows is set aside",
    "instead": "what follows was wanted, so something else is there",
    "compare": "what follows is what the item is compared with",
    "present": "can be seen",
    "absent": "cannot be seen",
    "cause": "after a modal, a guess at the cause",
    "explain": "a harmless reason for what was seen",
    "partial": "speaks of a part or of the rest only",
    "conclude": "starts a conclusion",
    "refuse": "declines",
    "unsure": "cannot tell",
    "advice": "asks, offers or recommends; its sentence is no claim",
    "typical": "speaks of what can happen in general, where it stands before a finding",
    "classify": "the choice follows; what was listed before it does not count",
    "differ": "a difference, a finding where it is one from the reference",
    "image": "a noun that an ordinal may count",
    "first": "ordinal",
    "second": "ordinal",
    "reference": "names the reference image",
    "verb": "a finite verb",
    "and": "joins words or clauses",
    "or": "joins alternatives",
    "that": "starts a relative clause",
    "this": "points back",
    "yes": "an answer",
    "none": "an answer, or denies what was named before it",
    "skip": "a phrase that must not be read word by word",
    "salient": "makes a weak finding one that is meant",
}

_FIND_3_NOUNS = """anomaly abnormality defect irregularity flaw fault imperfection outlier deformity malfunction
    aberration nonconformity non-conformity blemish deficiency"""
_FIND_3 = """anomalous abnormal abnormally defective faulty flawed unacceptable unhealthy pathological pathology
    pathologies bad"""
_FIND_2_NOUNS = """crack scratch damage fracture chip dent break breakage tear rip cut stain contamination contaminant
    corrosion rust pit pitting burr scuff abrasion nick gouge puncture leak leakage smear smudge residue debris
    deformation distortion discoloration discolouration fray misalignment mismatch inconsistency discrepancy
    unevenness deviation violation error mistake problem issue wear erosion warp bulge protrusion indentation
    depression dimple notch bubble void porosity blowhole spatter undercut delamination blister wrinkle crease
    fold flake splinter chunk lump burn microcrack craze mould mold infestation rot bruise
    spike glitch dropout disruption interruption perturbation
    accident collision crash fight fighting assault robbery theft burglary vandalism explosion fire smoke weapon gun knife
    hazard danger threat emergency violence intruder shoplifting altercation attack obstacle
    pneumonia hemorrhage haemorrhage tumor tumour mass opacity opacification infiltrate infiltration consolidation
    effusion drusen edema oedema neovascularization cnv dme polyp melanoma cancer carcinoma malignancy cyst ulcer
    bleed bleeding nodule lesion asymmetry thickening swelling infection disease infarct ischemia inflammation
    haematoma hematoma metastasis calcification atelectasis pneumothorax cardiomegaly stroke"""
_FIND_2 = """broken cracked scratched damaged fractured chipped dented torn ripped stained contaminated corroded rusty
    rusted bent twisted frayed worn missing misplaced misaligned misshapen misprinted mislabeled swapped deformed
    distorted warped tilted crooked slanted uneven unevenly unequal inconsistent discolored discoloured smudged smeared blurred
    burnt burned melted bridged loose detached peeled peeling split severed snapped shattered crushed squeezed jagged
    blunted blunt stripped incomplete incorrect incorrectly wrong wrongly improper improperly irregular irregularly unusual
    unusually unexpected unexpectedly strange odd oddly weird unnatural atypical uncommon unsealed leaking dirty
    pitted nicked punctured scuffed bruised rotten moldy mouldy spoiled oxidized misspelled unreadable illegible
    overturned collided crashed fallen unattended suspicious suspiciously aggressive aggressively dangerous violent unsafe
    illegal hazardous malignant cancerous hyperdense hypodense thickened swollen enlarged inflamed asymmetric
    asymmetrical diseased blunted stray foreign extra surplus duplicated violated unfulfilled unmet unsatisfied
    violates breaks contradicts deviates deviate deviated deviating differs abrupt abruptly sudden suddenly
    anomalously poor poorly damaging off-center off-axis off-centre displaced disconnected unplugged imperfect impaired
    undesired undesirable unwanted unintended substandard compromised perforated flattened misfit misformed malformed
    hairline infiltrates opacities flatline overfilled underfilled inoperative nonfunctional non-functional inactive
    protruding protrudes strikes assaulting fleeing attacking"""
_FIND_1_NOUNS = """hole mark spot line patch bump gap streak speck blotch dot smoothness-break variation change
    deposit growth thread string strand fiber fibre imprint shift drop dip jump rise fluctuation band blob object
    particle shade tint raised-area groove ridge fluid cavity spatters impurity texture-change dust lint"""
_FIND_1 = """dark darker lighter brighter dim rough asymmetrically faded slight minor empty exposed
    absent-minded flat shifted lower higher shorter longer additional concerning"""
_GOOD_3 = """normal flawless undamaged unblemished non-defective defect-free healthy faultless unharmed
    anomaly-free qualified acceptable well-made ok okay fine spotless unremarkable"""
_GOOD_2 = """intact clean regular regularly uniform uniformly consistent consistently even evenly smooth smoothly straight
    symmetric symmetrical symmetrically aligned centered centred correct correctly proper properly legible good
    perfect perfectly excellent continuous well-formed natural naturally typical typically expected usual ordinary
    standard benign functional complete homogeneous unbroken unscratched unaffected identical matches match matching
    complies comply complied conforms conform conforming adheres adhere meets meet satisfies satisfy satisfied fulfils fulfills
    fulfil fulfill fulfilled met obeys obey follows pass passes passed similar same resembles legibly tidy neat neatly
    stable steady seamless well-structured well-defined well-aligned well-organized well-preserved pristine unworn sealed
    harmless intended unobstructed orderly healthy-looking respected normally well"""
_GOOD_1 = "clear clearly round rounded bright sharp flat-surfaced like-new common inherent belongs belong fits fit legit"

_VERBS = """is are was were be has have had shows show showed appears appear appeared seems seem seemed looks look looked
    displays display contains contain exhibits exhibit does do did features depicts includes include there's it's that's he's
    she's they're i'm presents reveals reveal suggests suggest indicates indicate lies stands runs holds keeps comes
    goes makes takes remains remain stays stay reads occurs occur extends 's goes lacks fails fits follows"""

_LISTS: list[tuple[str, int, str]] = [
    ("find", 3, _FIND_3),
    ("find", 2, _FIND_2),
    ("find", 1, _FIND_1),
    ("good", 3, _GOOD_3),
    ("good", 2, _GOOD_2),
    ("good", 1, _GOOD_1),
    (
        "neg",
        0,
        """not no never neither nor nothing nobody cannot can't couldn't isn't aren't wasn't weren't doesn't don't didn't
        hasn't haven't hadn't won't wouldn't hardly barely unable n't nowhere dont doesnt isnt arent cant""",
    ),
    ("freeof", 0, "without"),
    ("lack", 0, "lack lacks lacking lacked"),
    ("none", 0, "none nil"),
    ("modal", 0, "may might could possibly-be"),
    ("cond", 0, "if unless depending depends depend otherwise-if"),
    (
        "considered",
        0,
        "considered seen regarded viewed classified deemed interpreted treated perceived indicative constitute count",
    ),
    ("whether", 0, "whether"),
    ("should", 0, "should shouldn't ought supposed"),
    ("required", 0, "required requires require expected-number needed needs specified mandatory"),
    ("only", 0, "only just merely"),
    ("contrast", 0, "but however yet nevertheless nonetheless nevertheless"),
    ("while", 0, "while whereas because since so when where though although despite"),
    ("compare", 0, "compared unlike than from versus vs comparing relative comparison"),
    (
        "present",
        0,
        """present visible seen found observed evident apparent detected noticeable identified discernible
        noted exist exists existing identifiable detectable detect see find observe identify notice spot-out recognizable there
        perceptible reported exhibited""",
    ),
    ("absent", 0, "absent nonexistent non-existent"),
    ("partial", 0, "rest remaining remainder others other otherwise elsewhere mostly most parts"),
    ("conclude", 0, "therefore thus hence consequently accordingly overall conclusion summary verdict conclude conclusively"),
    ("unsure", 0, "unclear uncertain maybe perhaps unknown inconclusive undetermined ambiguous indeterminate unsure possibly"),
    (
        "advice",
        0,
        """please consult recommend recommended recommends advisable upload share ask clarify concerns concern
        consultation seek contact""",
    ),
    ("refuse", 0, "sorry apologize apologise apologies decline"),
    ("differ", 0, "different differently difference differences differing dissimilar"),
    ("image", 0, "image images picture pictures photo photograph sample scan x-ray one frame rendering render view"),
    ("verb", 0, _VERBS),
    ("and", 0, "and &"),
    ("or", 0, "or"),
    ("that", 0, "that which who whose"),
    ("this", 0, "this these it they those such"),
    ("yes", 0, "yes yeah yep yup"),
    ("first", 0, "first 1st"),
    ("second", 0, "second 2nd"),
    (
        "salient",
        0,
        """noticeable visible distinct distinctive obvious clear significant notable prominent additional
        deep large""",
    ),
]

_PHRASES: list[tuple[str, int, str]] = [
    (
        "good",
        3,
        """good condition|perfect condition|excellent condition|great condition|good shape|normal condition
        |as it should|as they should|as expected|as required|as specified|as described|within normal limits|within the normal range
        |good quality|high quality|no such|nothing else|no need|all requirements|all the requirements|all the rules|both rules
        |all rules|brand new|no concerns|normal range|nothing out of the ordinary|high-quality|good order""",
    ),
    (
        "good",
        2,
        "in place|lines up|line up|no longer|working order|benign-looking|the same|well within|part of|in line with|well made",
    ),
    (
        "find",
        2,
        """out of place|does not belong|doesn't belong|do not belong|don't belong|stands out|stand out|standing out|run off
        |ran off|lying on the road|lies on the road|lying on its side|than it should|than they should|than expected|than required|too many|too few|too low
        |too high|off center|off centre|should not be there|shouldn't be there|should not be present|splayed|pulled out|sticks out|broken off
        |is gone|are gone|out of the ordinary|not allowed|isn't allowed|isn't legible|level shift|flat line|far away from|far from the
        |not applicable-x|out of position|breaks the rule|break the rule|breaks the|breaks rule|at fault|wear and tear|poor condition|bad condition|foreign object
        |foreign material|change in level|signs of wear|sign of wear|in trouble|run over|knocked down|falls to the ground|fell to the ground""",
    ),
    ("find", 3, "not ok|not okay|not normal|not good"),
    (
        "skip",
        0,
        """not only|not just|not merely|not necessarily|no doubt|without doubt|without a doubt|without question|even if|as if
        |no matter|as well as|as well|break down|breaks down|breakdown|broken down|fire hydrant|fire extinguisher|smoke detector|such as|may 1|in the first place|at first|first of all
        |cut out|die cut|tear drop|a bit|still life|normal standard|normal distribution|normally distributed|standard deviation|clean up|problem statement|line chart|line plot|line graph
        |dark background|black background|gray background|grey background|dark gray|dark grey|dark brown|darker background|metal object|straight line|lighter center|close up|close-up|so that|good idea
        |circular object|round object|main object|single object|the object|each object|this object|of objects|all objects|the objects|object in|objects are|object is|required objects
        |just like|let me|there is no doubt|in terms of|as long as|no later|flaw detection|defect detection|anomaly detection|defect inspection|anomaly inspection|damage assessment|yes or no|fault line|crack open""",
    ),
    ("other", 0, "no other|no further|no additional|no more|any other|any further|any additional|not any other|no others"),
    ("freeof", 0, "free of|free from|devoid of|absence of|clear of|rule out|rules out|ruled out|ruling out|exempt from"),
    ("lack", 0, "lack of|fails to|fail to|failed to|failing to|failure to"),
    ("none", 0, "none of|n a"),
    (
        "modal",
        0,
        "can't rule out|cannot rule out|can not rule out|could potentially|may or may not|might or might not|cannot exclude|can't exclude",
    ),
    ("cond", 0, "may or may not|might or might not|in case|it depends|provided that|assuming that|would be needed|needed to confirm|be confirmed"),
    ("skip", 0, "could not|couldn't be seen|could see|could be seen|could find|could identify|could detect"),
    ("cause", 0, "caused by|due to|result of|come from|comes from|because of|resulting from|attributed to|arise from|created by"),
    (
        "explain",
        0,
        """due to lighting|due to the lighting|due to light|caused by the lighting|caused by lighting|due to reflection|due to reflections
        |due to the reflection|a reflection|reflections|reflection of|only a reflection|due to shadow|due to shadows|a shadow|shadows|due to the angle|due to the viewing angle|due to perspective|part of the design|part of its design
        |design feature|natural grain|natural pattern|natural variation|natural variations|just the seam|lighting conditions|due to illumination|rendering artifact|imaging artifact|compression artifact""",
    ),
    ("should", 0, "expected to|meant to|has to|have to|need to|needs to"),
    (
        "classify",
        0,
        """should be classified as|classified as|should be considered|categorized as|categorised as|be labeled as|be labelled as|best described as|fitting class|the diagnosis is
        |classify it as|classify this as|classify this image as|classify the image as|identified as""",
    ),
    (
        "except",
        0,
        """other than|apart from|aside from|except for|except|besides|with the exception of|save for|were it not for|if not for|in addition to
        |as opposed to x""",
    ),
    ("partial", 0, "other than that|apart from that|aside from that|apart from this|other than this|except for that|except for this|the rest"),
    ("rather", 0, "rather than|as opposed to|and not|not of"),
    ("instead", 0, "instead of|in place of"),
    ("conclude", 0, "in conclusion|in summary|to summarize|to conclude|to sum up|final answer|based on these|as a result|so yes|so no|all in all|in short|based on this|final verdict"),
    ("contrast", 0, "on the other hand|closer look|in spite of|closer inspection reveals|by contrast|in contrast"),
    ("while", 0, "except that|even though"),
    ("considered", 0, "count as|counts as|qualify as|be a|be an|considered as|amount to"),
    (
        "unsure",
        1,
        """difficult to|hard to|impossible to|not possible to|isn't possible|not sure|not certain|not clear|isn't clear|can't tell|cannot tell|can't say|cannot say
        |can't determine|cannot determine|can not determine|unable to determine|unable to say|unable to tell|cannot be determined|can't be determined|cannot be decided|can't be decided|don't know|do not know|i dont know
        |can't conclude|cannot conclude|cannot confirm|can't confirm|cannot be confirmed|can't be confirmed|can't judge|cannot judge|not enough|isn't enough|more context|more information|further information|too blurry|too low|can't be given|cannot be given
        |could be either|may be either|need more|can't be certain|cannot be certain|not definitive|no way to tell|isn't sufficient|not sufficient|insufficient|can't count|cannot count|could also be|might also be|may also be|can't identify whether""",
    ),
    (
        "refuse",
        0,
        """can't assist|cannot assist|can't help|cannot help|unable to assist|unable to help|can't provide|cannot provide|unable to provide|not able to provide|not able to assist|not able to help|can't offer|cannot offer
        |not able to offer|unable to offer|not qualified|can't interpret|cannot interpret|unable to interpret|not able to interpret|can't analyze|cannot analyze|unable to analyze|not able to analyze|not able to analyse|cannot analyse|can't analyse
        |can't process|cannot process|unable to process|unable to fulfill|can't fulfill|cannot fulfill|can't comply|cannot comply|won't be able|must decline|as an ai|as a large language model|as a language model|i am an ai|i'm an ai|just an ai|can't diagnose
        |cannot diagnose|unable to diagnose|can't make a|can't make determinations|cannot make a|not a doctor|not a medical professional|not a radiologist|not allowed by|safety system|can't see images|cannot see images|cannot see the image|can't see the image|cannot view|can't view
        |unable to view|don't see any image|don't see an image|haven't provided|no image was provided|no image attached|not able to answer|cannot answer|can't answer|unable to answer|not able to see|not able to view|unable to see the image|not a medical|not able to process|against my|not able to fulfill|medical advice|content policy""",
    ),
    (
        "advice",
        0,
        """let me know|feel free|would you|could you|if you|if there's anything|look for|looking for|check for|inspect for|examine for|inspected for|checked for|should be evaluated|should be reviewed|should review|would be required|further inspection
        |medical professional should|to check|one would|see a doctor|talk to|closer inspection may|closer inspection might|happy to|for any concern|evaluated by|evaluate the|you should|it's best to|if there is a particular|if there's a particular""",
    ),
    ("whether", 0, "to determine|to assess|to confirm|to decide|in order to|to see if|to judge|to detect|to identify|to tell|to verify"),
    ("typical", 0, "typical defects|typical anomalies|common defects|common anomalies|defects include|anomalies include|may have defects|might have defects|usual defects|possible defects include"),
    ("differ", 0, "not the same|isn't the same|aren't the same"),
    ("reference", 0, "reference image|normal image|reference picture|normal reference|reference sample|normal sample|normal one|the other images|other candles|other images|reference photo|the template|template image"),
    ("yes", 0, ""),
]


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _entries() -> Iterator[tuple[str, Entry]]:
    for kind, weight, words in _LISTS:
        for word in words.split():
            yield word, Entry(kind, weight)
    for weight, nouns in ((3, _FIND_3_NOUNS), (2, _FIND_2_NOUNS), (1, _FIND_1_NOUNS)):
        for noun in nouns.split():
            yield noun, Entry("find", weight)
            yield _plural(noun), Entry("find", weight)


def _phrases() -> Iterator[tuple[list[str], Entry]]:
    for kind, weight, text in _PHRASES:
        for phrase in text.split("|"):
            words = phrase.split()
            if words:
                yield words, Entry(kind, weight)


def _by_first_word(phrases: Iterable[tuple[list[str], Entry]]) -> dict[str, list[tuple[list[str], Entry]]]:
    table: dict[str, list[tuple[list[str], Entry]]] = {}
    for words, entry in phrases:
        table.setdefault(words[0], []).append((words[1:], entry))
    for rows in table.values():
        rows.sort(key=lambda row: -len(row[0]))
    return table


WORDS: dict[str, Entry] = dict(_entries())
PHRASES: dict[str, list[tuple[list[str], Entry]]] = _by_first_word(_phrases())
