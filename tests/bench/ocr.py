"""Letters read from pictures: characters right, seconds and memory a page.

Twenty letters of invented people in French, English, Chinese and Thai are drawn, then turned,
skewed, dirtied and photographed, and read as the services read them: in the confined child, one
new process a file. Fonts are the machine's (`fc-match`); Debian has `fonts-wqy-microhei` and
`fonts-tlwg-loma-ttf`, and `tesseract-ocr-tha` for Thai letters.
"""

import argparse
import asyncio
import io
import resource
import subprocess
import time
from collections.abc import Callable
from statistics import mean, median

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rapidfuzz.distance import Levenshtein

from shared.reading.scans import ScanReader
from shared.reading.settings import ScanSettings

PAGE = (1_240, 1_754)
"""A4 at 150 dots per inch."""
SEED = 159
LETTERS = {
    "fr": """Société Brunel et Fils
14, avenue des Érables
69003 Lyon

Madame Solène Guérin
8 bis, impasse du Moulin
69100 Villeurbanne

Lyon, le 12 mars 2026

Objet : convocation à un entretien préalable

Madame,

Nous envisageons de prendre à votre égard une mesure de
licenciement pour motif personnel. Conformément à l'article
L. 1232-2 du code du travail, nous vous convoquons à un
entretien le lundi 23 mars 2026 à 14 h 30, dans nos bureaux.

Vous pourrez vous faire assister par une personne de votre
choix appartenant au personnel de l'entreprise. Votre salaire
brut du mois de février, soit 2 187,45 €, vous a été versé.

Où que vous soyez ce jour-là, prévenez-nous dès que possible.

Veuillez agréer, Madame, nos salutations distinguées.

Gaëtan Brunel, gérant""",
    "en": """Harrow Logistics SAS
27 rue des Docks
76600 Le Havre

Mr Callum Whitford
3 quai de Southampton
76600 Le Havre

Le Havre, 4 May 2026

Subject: end of your fixed-term contract

Dear Mr Whitford,

Your fixed-term contract, signed on 2 September 2025, ends on
31 May 2026 and will not be renewed. You will receive an
end-of-contract payment of 10 % of your gross pay, that is
EUR 1,842.60, together with compensation for 9.5 days of
unused paid leave.

Please return your badge (no. 4471) and your laptop before
5 p.m. on your last day. Your certificate of employment will
be sent by registered post.

Yours sincerely,

Imogen Farley, Human Resources""",
    "zh": """解除劳动合同通知书

陈晓梅女士：

您好。因公司业务调整，您所在的岗位将于2026年6月30日取消。
经协商未能就变更劳动合同内容达成一致，公司决定自该日起
解除与您签订的无固定期限劳动合同。

您的预告期为两个月，自收到本通知之日起计算。
您的月平均工资为2350.80欧元，工作年限为7年4个月。
公司将依法向您支付经济补偿金，并结清未休的带薪年假。

如有疑问，请于5月15日前与人力资源部联系。

巴黎远东贸易公司
2026年4月28日""",
    "th": """หนังสือบอกเลิกสัญญาจ้าง

เรียน คุณวรรณา แสงทอง

บริษัทขอแจ้งให้ท่านทราบว่า สัญญาจ้างของท่านจะสิ้นสุดลง
ในวันที่ 30 มิถุนายน 2569 เนื่องจากบริษัทปิดกิจการ

ท่านมีสิทธิได้รับค่าจ้างเดือนสุดท้ายจำนวน 1,950 ยูโร
และค่าชดเชยตามกฎหมาย รวมทั้งเงินแทนวันหยุดพักร้อน
ที่ยังไม่ได้ใช้จำนวน 12 วัน

กรุณาติดต่อฝ่ายบุคคลภายในวันที่ 15 มิถุนายน

ขอแสดงความนับถือ
นายประเสริฐ ศรีสุข""",
}
FONTS = {"fr": "DejaVu Sans", "en": "DejaVu Serif", "zh": ":lang=zh-cn", "th": ":lang=th"}


def main() -> None:
    """Read the letters and print the figures."""
    parser = argparse.ArgumentParser(prog="./neo bench ocr", description=__doc__)
    parser.add_argument("--languages", default=",".join(LETTERS), help="such as fr,th")
    parser.add_argument("--show", action="store_true", help="print what was read where it differs")
    options = parser.parse_args()
    asyncio.run(measure(options.languages.split(","), show=options.show))


async def measure(languages: list[str], *, show: bool) -> None:
    """Read every letter in every state and print a row for each language and state."""
    rows: dict[tuple[str, str], tuple[float, float, str]] = {}
    async with ScanReader(ScanSettings(), max_pages=1, max_characters=30_000) as reader:
        for language in languages:
            letter = LETTERS[language]
            page = drawn(letter, font_of(FONTS[language]))
            for state, change in STATES.items():
                content = file_of(change(page))
                began = time.perf_counter()
                document = await reader.read("image", content)
                seconds = time.perf_counter() - began
                right = share_right(letter, document.text)
                doubt = "doubtful" if document.doubtful else document.state
                rows[language, state] = (right, seconds, doubt)
                print(
                    f"{language}  {state:<14} {right:7.2%}  {seconds:5.1f} s  {doubt}", flush=True
                )
                if show and right < 0.99:
                    print(document.text)
    for language in languages:
        rights = [row[0] for (spoken, _), row in rows.items() if spoken == language]
        print(f"{language}: {mean(rights):.2%} of characters right, worst {min(rights):.2%}")
    times = [row[1] for row in rows.values()]
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"all: {mean(row[0] for row in rows.values()):.2%} of characters right")
    print(f"wall: median {median(times):.1f} s, slowest {max(times):.1f} s a page and process")
    print(f"processor: {(child.ru_utime + child.ru_stime) / len(rows):.1f} s a page and process")
    print(f"memory: {child.ru_maxrss / 1024:.0f} MiB resident at most")


def share_right(letter: str, read: str) -> float:
    """Return the share of characters that are right, blanks of any length counted as one."""
    wanted, got = " ".join(letter.split()), " ".join(read.replace(" | ", " ").split())
    return max(0.0, 1 - Levenshtein.distance(wanted, got) / len(wanted))


def font_of(name: str) -> ImageFont.FreeTypeFont:
    """Return a font of the machine at the size of a letter."""
    command = ["fc-match", "-f", "%{file}", name]
    path = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return ImageFont.truetype(path, 29)


def drawn(letter: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """Return a page with a letter on it."""
    page = Image.new("RGB", PAGE, "white")
    ImageDraw.Draw(page).multiline_text((140, 130), letter, fill="#111", font=font, spacing=16)
    return page


def file_of(page: Image.Image) -> bytes:
    """Return a page as a messenger sends a photo."""
    out = io.BytesIO()
    page.convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()


def skewed_and_faint(page: Image.Image) -> Image.Image:
    """Return a page laid askew on the glass, in light grey print on grey paper."""
    turned = page.rotate(4.0, Image.Resampling.BICUBIC, fillcolor="white")
    return turned.point(lambda value: 150 + value * 55 // 255)


def noisy(page: Image.Image) -> Image.Image:
    """Return a page copied badly: out of focus, with grain, upside down."""
    chance = np.random.default_rng(SEED)
    soft = np.asarray(page.filter(ImageFilter.GaussianBlur(1.2)), np.float32)
    grain = chance.normal(0, 28, soft.shape[:2])[..., None]
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8)).rotate(180, expand=True)


def photographed(page: Image.Image) -> Image.Image:
    """Return a page photographed on a table, from aside, in a light that falls off."""
    width, height = page.size
    chance = np.random.default_rng(SEED)
    scene = Image.new("RGB", (width + 500, height + 500), "#5a4636")
    scene.paste(page, (250, 250))
    corners = [
        (60, 40),
        (20, scene.height - 30),
        (scene.width - 10, scene.height - 60),
        (scene.width - 90, 10),
    ]
    quad = [value + chance.uniform(-15, 15) for corner in corners for value in corner]
    seen = scene.transform(scene.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    light = np.linspace(1.0, 0.55, seen.width)[None, :, None]
    return Image.fromarray((np.asarray(seen) * light).astype(np.uint8))


STATES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "upright": lambda page: page,
    "turned 90": lambda page: page.rotate(-90, expand=True),
    "skewed, faint": skewed_and_faint,
    "noisy, 180": noisy,
    "photo, 270": lambda page: photographed(page).rotate(90, expand=True),
}


if __name__ == "__main__":
    main()
