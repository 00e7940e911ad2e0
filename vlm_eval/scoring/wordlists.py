"""The words and phrases that carry claims, as data. What each kind does stands in lexicon.py.

Weights: 4 speaks of the item in general, 3 of something in particular, 2 of what may also be how the thing is built ("a
notch"), 1 counts only in context ("a spot").
"""

GENERAL, PARTICULAR, MILD, WEAK = 4, 3, 2, 1

FINDING_NOUNS: dict[int, str] = {
    GENERAL: """anomaly abnormality defect irregularity flaw fault imperfection outlier deformity malfunction aberration
        nonconformity non-conformity blemish deficiency damage issue problem""",
    PARTICULAR: """crack scratch fracture dent break breakage tear rip stain contamination contaminant corrosion rust burr
        scuff abrasion nick gouge puncture leak leakage smear smudge residue debris deformation distortion discoloration
        discolouration misalignment mismatch inconsistency discrepancy deviation violation error mistake erosion
        porosity blowhole spatter undercut delamination blister splinter microcrack craze infestation bruise deterioration
        degradation malformation disfigurement tampering nonuniformity fissure chipping peeling warping pitting tearing fraying
        spike glitch dropout perturbation anomaly-like
        accident collision crash fighting assault robbery theft burglary vandalism explosion hazard emergency violence intruder
        shoplifting altercation attack crime
        pneumonia hemorrhage haemorrhage tumor tumour opacity opacification infiltrate infiltration consolidation effusion
        drusen edema oedema neovascularization cnv dme polyp melanoma cancer carcinoma malignancy cyst ulcer nodule
        infarct ischemia inflammation haematoma hematoma metastasis atelectasis pneumothorax cardiomegaly neoplasm glioma
        meningioma lymphadenopathy aneurysm adenoma""",
    MILD: """chip cut fold wrinkle crease flake chunk lump burn warp bulge protrusion indentation depression dimple notch bubble
        void wear fray pit mold mould rot unevenness asymmetry disruption interruption fire smoke weapon gun knife
        danger threat obstacle fight mass bleed bleeding thickening swelling infection disease calcification stroke
        obstruction blockage clump dip surge plateau blood haemorrhaging gash slit burrs artifact artefact""",
    WEAK: """hole mark spot patch bump gap streak speck blotch dot variation change deposit growth thread string strand fiber fibre
        shift drop jump fluctuation band blob impurity groove ridge cavity dust lint lesion fluid haze imprint""",
}

FINDINGS: dict[int, str] = {
    GENERAL: """anomalous abnormal abnormally defective faulty flawed unacceptable unhealthy pathological pathology
        pathologies anomalously wrong""",
    PARTICULAR: """broken cracked scratched damaged fractured chipped dented torn ripped stained contaminated corroded rusty
        rusted frayed missing misplaced misaligned misshapen misprinted mislabeled swapped deformed distorted warped
        discolored discoloured smudged smeared burnt burned bridged detached peeled severed snapped shattered
        crushed jagged blunted stripped incomplete incorrect incorrectly wrongly improper improperly unusual
        unusually unexpected unexpectedly strange oddly weird unnatural atypical uncommon unsealed leaking dirty
        pitted nicked punctured scuffed bruised rotten moldy mouldy spoiled misspelled unreadable illegible
        overturned collided crashed unattended suspicious suspiciously aggressive aggressively violent unsafe
        illegal hazardous malignant cancerous hyperdense hyperintense hypodense enlarged inflamed diseased stray extra surplus
        violated unfulfilled unmet unsatisfied violates violating breaks contradicts deviates deviate deviated deviating
        abrupt abruptly sudden suddenly poor poorly off-center off-axis off-centre displaced disconnected unplugged
        imperfect impaired undesired undesirable unwanted unintended substandard compromised perforated misfit misformed
        malformed hairline flatline overfilled underfilled inoperative nonfunctional non-functional assaulting pierced
        poked flipped tampered punctuated mangled ruptured gouged eroded degraded deteriorated crumpled crumbled crumbling
        wrinkled wilted moth-eaten spilled splayed exceeds hazier ill-fitting outlying invalid fails-to fraudulent dangerous interrupted switched swapped ng fail failed failing non-corresponding""",
    MILD: """bent twisted worn tilted crooked slanted uneven unevenly unequal inconsistent irregular irregularly loose split cut
        blurred melted squeezed blunt odd asymmetric asymmetrical swollen thickened inactive protruding protrudes fallen
        fleeing attacking strikes strikes hits hit kicks kicked punches foreign duplicated flattened oxidized compressed bad
        burning peeling differs unclean rough-edged creased folded faded obscured hazy cloudy stuck open-ended nonuniform
        disordered chaotic bulging sagging skewed leaning off misoriented upside-down elevated alarming concerning""",
    WEAK: "darker lighter brighter rough empty exposed shifted",
}

NORMALITIES: dict[int, str] = {
    GENERAL: """normal flawless undamaged unblemished non-defective defect-free healthy faultless unharmed
        anomaly-free qualified acceptable spotless unremarkable""",
    PARTICULAR: """intact clean regular regularly uniform uniformly consistent consistently even evenly smooth smoothly
        straight symmetric symmetrical symmetrically aligned centered centred correct correctly proper properly legible
        good perfect perfectly excellent continuous well-formed natural naturally typical typically expected usual
        ordinary benign functional complete homogeneous unbroken unscratched unaffected identical matches match
        matching comply conform conforming adhere meet satisfy fulfil fulfill obey follow pass complies complied conforms
        adheres adhered meets satisfies satisfied fulfils fulfills fulfilled met obeys obeyed follows followed passes passed
        similar same resembles resemble legibly tidy neat neatly stable steady seamless well-structured well-aligned
        well-organized well-preserved pristine unworn sealed harmless intended unobstructed orderly respected well-made ok okay
        fine interlock interlocks attached consistent-looking corresponds correspond corresponding routine appropriate appropriately
        peaceful calm securely uniformity symmetry regularity consistency integrity alignment smoothness continuity legibility evenness""",
    WEAK: "clear clearly round rounded bright sharp common inherent belongs belong fits fit well smooth-looking filled",
}

WORDS_BY_KIND: dict[str, str] = {
    "neg": """not no nope nah never neither nor nothing nobody cannot can't couldn't isn't aren't wasn't weren't doesn't don't didn't
        hasn't haven't hadn't won't wouldn't hardly barely unable nowhere dont doesnt isnt arent cant""",
    "freeof": "without",
    "lack": "lack lacks lacking lacked",
    "none": "none nil",
    "modal": "may might could",
    "cond": "if unless depending depends depend",
    "considered": "considered seen regarded viewed deemed interpreted perceived constitute count",
    "whether": "whether",
    "should": "should shouldn't ought supposed",
    "required": "required requires require needed specified mandatory",
    "only": "only just merely simply",
    "contrast": "but however yet nevertheless nonetheless",
    "while": "while whereas because since so when where though although despite",
    "compare": "compared unlike than versus vs comparing relative beyond contrary",
    "from": "from",
    "present": """present visible seen found observed evident apparent detected noticeable identified discernible noted exist
        exists existing identifiable detectable detect see find observe identify notice there perceptible reported exhibited
        spotted spot-on shown""",
    "absent": "absent nonexistent non-existent",
    "partial": "rest remaining remainder others otherwise elsewhere mostly most majority",
    "universal": "each every all everything everywhere both",
    "conclude": "therefore thus hence consequently accordingly overall conclusion summary verdict conclude",
    "unsure": "unclear uncertain maybe perhaps unknown inconclusive undetermined ambiguous indeterminate unsure possibly",
    "advice": """please consult recommend recommended recommends advisable upload share clarify concerns consultation seek contact
        remember""",
    "service": """assist help provide offer interpret analyze analyse process fulfill fulfil diagnose evaluate comment discuss answer view
        engage perform advise""",
    "refuse": "sorry apologize apologise apologies decline",
    "differ": "different differently difference differences differing dissimilar differ",
    "image": "image images picture pictures photo photograph sample scan x-ray one frame rendering render view",
    "disclose": "reveal uncover hidden internal microscopic undetected magnification",
    "verb": """is are was were be has have had shows show showed appears appear appeared seems seem seemed looks look looked
        displays display contains contain exhibits exhibit does do did features depicts includes include there's it's that's
        he's she's they're presents reveals suggests suggest indicates indicate lies stands holds keeps comes
        goes makes takes remains remain stays stay reads occurs occur extends fails would can will must i we i'm i'd i've causes
        adheres conforms being""",
    "and": "and &",
    "or": "or",
    "that": "that which who whose",
    "this": "this these it they those such",
    "also": "too also likewise",
    "yes": "yes yeah yep yup true",
    "false": "false",
    "first": "first 1st",
    "second": "second 2nd",
    "salient": "distinct distinctive obvious significant notable prominent additional deep large huge big dark black",
}

PHRASES_BY_KIND: list[tuple[str, int, str]] = [
    (
        "good",
        GENERAL,
        """within normal limits|within the normal range|all requirements|all the requirements|all the rules|both rules
        |all rules|nothing out of the ordinary|no concerns|to specification|the specification|all criteria|all the criteria|everything is in order|no need""",
    ),
    (
        "good",
        PARTICULAR,
        """good condition|perfect condition|excellent condition|great condition|good shape|normal condition|pristine condition
        |as it should|as they should|as expected|as required|as specified|as described|as intended|as designed|as one would expect|as you would expect|as you'd expect|what one expects|what one would expect|what you'd expect|good quality|high quality|brand new
        |good order|in place|lines up|line up|working order|the same|well within|part of|in line with|well made|in order|where it should be
        |where they should be|where it belongs|where they belong|no such|in accordance with|in its place|in their places|up to standard|free-flowing""",
    ),
    (
        "find",
        PARTICULAR,
        """out of place|does not belong|doesn't belong|do not belong|don't belong|stands out|stand out|standing out|run off
        |ran off|lying on the road|lies on the road|lying on its side|than it should|than they should|than expected|than required|than usual|than normal
        |too many|too few|too high|too long|too short|off center|off centre|should not be there|shouldn't be there|should not be present|pulled out|sticks out|sticking out|broken off
        |is gone|are gone|out of the ordinary|not allowed|isn't allowed|level shift|flat line|far away from|far from the|come off|came off|fallen off|fell off|coming off
        |out of position|breaks the rule|break the rule|breaks the|breaks rule|wear and tear|poor condition|bad condition|foreign object|peeling off|fallen over|knocked over
        |foreign material|foreign body|signs of wear|sign of wear|run over|knocked down|falls to the ground|fell to the ground|falling apart|worn out|worn down|burn mark|burn marks|midline shift|wrong way
        |upside down|not ok|not okay|hit the|hit a|crossed the center line|calls for|on fire|makes no sense|make no sense|doesn't make sense|caught fire|lying on the ground|comes loose|come loose|came loose""",
    ),
    ("find", MILD, "signs of|sign of|evidence of|dark line|black line|diagonal line|thin line|white line|dark region|dark area|dark spot|too low|is open|are open|left open|too small|too large|too big"),
    (
        "skip",
        0,
        """not only|not just|not merely|not necessarily|no doubt|without doubt|without a doubt|without question|even if|as if
        |no matter|as well as|break down|breaks down|broken down|fire hydrant|fire extinguisher|smoke detector|such as|in the first place|at first|first of all|at first glance|first glance
        |die cut|tear drop|a bit|normal standard|normal distribution|normally distributed|standard deviation|problem statement|at the same time|on the same|in the same
        |dark background|dark surface|black surface|black background|metal object|straight line|lighter center|close up|close-up|so that|on and off|turned off|off white|turn off|cut off|far off
        |just like|let me|in terms of|as long as|anomaly detection|defect detection|defect inspection|yes or no|chocolate chip|chocolate chips|chocolate-chip|potato chips|computer chip|the chips|chips and|ic chip|ic chips|wood chips
        |blood vessels|be mistaken for|white matter|soft tissue mass effect|bubble wrap|break room|and so on|no one|crash test|knife block|good idea|break lights|mark 1|crime scene tape
        |rest on|rests on|rest of the world|paint job|stop sign|knife and fork|kitchen knife|for example|spot on|may 2|good lighting|can be|can also be|open area|in this case|in case of""",
    ),
    ("other", 0, "no other|no further|no additional|no more|any other|any further|any additional|no others"),
    ("neg", 0, "could not|can not|no longer|does n't|not able to|nothing about"),
    ("freeof", 0, "free of|free from|devoid of|absence of|clear of|rule out|rules out|ruled out|ruling out"),
    ("lack", 0, "lack of|fails to|fail to|failed to|failing to|failure to"),
    ("none", 0, "none of|n a"),
    (
        "modal",
        0,
        "can't rule out|cannot rule out|can not rule out|could potentially|cannot exclude|can't exclude|be ruled out",
    ),
    ("cond", 0, "may or may not|might or might not|it depends|provided that|assuming that|needed to confirm|if not|if so|in some contexts|were meant to"),
    ("skip", 0, "could see|could be seen|could find|could identify|could detect|if any|if anything"),
    (
        "cause",
        0,
        """caused by|due to|result of|come from|comes from|because of|resulting from|attributed to|arise from|created by
        |been caused|resulted from|explained by""",
    ),
    (
        "explain",
        0,
        """due to lighting|due to the lighting|due to light|caused by the lighting|caused by lighting|due to reflection|due to reflections|due to the light
        |due to the reflection|a reflection|reflections|reflection of|only a reflection|due to shadow|due to shadows|a shadow|shadows|due to the angle|due to the viewing angle|due to perspective|part of the design|part of its design
        |design feature|natural grain|natural pattern|natural variation|natural variations|just the seam|lighting conditions|due to illumination|rendering artifact|imaging artifact|compression artifact
        |orientation|lighting|viewing angle|a seam|the seam|camera angle|perspective|natural characteristic|natural feature|natural features""",
    ),
    ("should", 0, "expected to|meant to|has to|have to|need to|needs to"),
    (
        "classify",
        0,
        """should be classified as|classified as|should be considered|categorized as|categorised as|be labeled as|be labelled as|best described as|fitting class|the diagnosis is
        |classify it as|classify this as|classify this image as|classify the image as|identified as|diagnosed as|diagnosed with""",
    ),
    (
        "except",
        0,
        """other than|apart from|aside from|except for|except|besides|with the exception of|save for|were it not for|if not for|in addition to""",
    ),
    ("partial", 0, "other than that|apart from that|aside from that|apart from this|other than this|except for that|except for this|the rest|the other|most of|other parts|rest of"),
    ("rather", 0, "rather than|as opposed to|and not"),
    ("instead", 0, "instead of|in place of"),
    ("conclude", 0, "in conclusion|in summary|to summarize|to conclude|to sum up|final answer|based on these|as a result|so yes|so no|all in all|in short|based on this|final verdict|given this|given these"),
    ("contrast", 0, "on the other hand|closer look reveals|in spite of|closer inspection reveals|by contrast|that said"),
    ("while", 0, "except that|even though"),
    ("also", 0, "as well"),
    ("considered", 0, "count as|counts as|qualify as|amount to|seen as|mistaken as"),
    ("this", 0, "here"),
    (
        "unsure",
        1,
        """difficult to|hard to|impossible to|not possible to|isn't possible|not sure|not certain|not clear|isn't clear|can't tell|cannot tell|can't say|cannot say|not completely sure
        |can't determine|cannot determine|can not determine|unable to determine|unable to say|unable to tell|cannot be determined|can't be determined|cannot be decided|can't be decided|don't know|do not know|i dont know
        |can't conclude|cannot conclude|cannot confirm|can't confirm|cannot be confirmed|can't be confirmed|can't judge|cannot judge|not enough|isn't enough|more context|more information|further information|too blurry|can't be given|cannot be given
        |need more|can't be certain|cannot be certain|not definitive|no way to tell|isn't sufficient|not sufficient|insufficient|can't count|cannot count|too dark to|too low to|too small to|too blurred|can't be sure|cannot be sure|i'm not sure
        |quality is too low|resolution is too low|image is blurry|image is blurred|image quality|can't be completely|cannot be completely|not obvious whether|not conclusive|cannot definitively|can't definitively|cannot make out|can't make out|challenging to|without knowing
        |cannot accurately|can't accurately|hard for me|difficult for me|not possible for me|cannot verify|can't verify|not clear enough|not enough detail|without more|without further|without additional|without a reference|without closer|without context|yes and no""",
    ),
    (
        "refuse",
        0,
        """can't assist|cannot assist|can't help|cannot help|unable to assist|unable to help|can't provide|cannot provide|unable to provide|not able to provide|not able to assist|not able to help|can't offer|cannot offer
        |not able to offer|unable to offer|not qualified|can't interpret|cannot interpret|unable to interpret|not able to interpret|can't analyze|cannot analyze|unable to analyze|not able to analyze|not able to analyse|cannot analyse|can't analyse
        |can't process|cannot process|unable to process|unable to fulfill|can't fulfill|cannot fulfill|can't comply|cannot comply|won't be able|must decline|as an ai|as a large language model|as a language model|i am an ai|i'm an ai|just an ai|can't diagnose
        |cannot diagnose|unable to diagnose|can't make a|can't make determinations|cannot make a|not a doctor|not a medical professional|not a radiologist|not allowed by|safety system|can't see images|cannot see images|cannot see the image|can't see the image|cannot view|can't view
        |unable to view|don't see any image|don't see an image|haven't provided|no image was provided|no image attached|not able to answer|cannot answer|can't answer|unable to answer|not able to see images|not able to view|unable to see the image|not a medical|not able to process|against my|not able to fulfill
        |medical advice|content policy|can't evaluate|cannot evaluate|unable to evaluate|not able to evaluate|can't discuss|can't diagnose|cannot perform|can't perform|not able to perform|unable to perform|not appropriate for me|can't engage|cannot engage|can't identify people|not able to make""",
    ),
    (
        "advice",
        0,
        """let me know|feel free|would you|could you|if you|if there's anything|look for|looking for|check for|inspect for|examine for|should be evaluated|should be reviewed|should review|would be required|further inspection
        |medical professional should|to check|one would look|one would need|one would have to|see a doctor|talk to|closer inspection may|closer inspection might|closer inspection would|happy to|for any concern|evaluated by|evaluate the|you should|it's best to|if there is a particular|if there's a particular|if there are specific|if there's a specific|if there is a specific
        |best to have|have a professional|if there were|if it were|further examination|further analysis|further investigation|closer examination""",
    ),
    ("whether", 0, "to determine|to assess|to confirm|to decide|in order to|to see if|to judge|to detect|to identify|to tell|to verify|to spot|to look for|to see any"),
    ("typical", 0, "typical defects|typical anomalies|common defects|common anomalies|defects include|anomalies include|may have defects|might have defects|usual defects include|possible defects include"),
    ("differ", 0, "not the same|isn't the same|aren't the same"),
    ("reference", 0, "reference image|normal image|reference picture|normal reference|reference sample|normal sample|normal one|the other images|other candles|other images|reference photo|the template|template image"),
]
