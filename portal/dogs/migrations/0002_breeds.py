"""The breeds that staff can choose from: those that shelters in Korea and elsewhere see most.

Slugs are made as `portal.dogs.loading` makes them, so that a table that names a breed finds it here.
"""

from django.db import migrations
from django.utils.text import slugify

BREEDS = """
Akita|아키타
Alaskan Malamute|알래스칸 맬러뮤트
American Bully|아메리칸 불리
American Cocker Spaniel|아메리칸 코커 스패니얼
American Staffordshire Terrier|아메리칸 스태퍼드셔 테리어
Australian Cattle Dog|오스트레일리안 캐틀 독
Australian Shepherd|오스트레일리안 셰퍼드
Basenji|바센지
Basset Hound|바셋 하운드
Beagle|비글
Bedlington Terrier|베들링턴 테리어
Belgian Malinois|벨지안 말리노이즈
Bernese Mountain Dog|버니즈 마운틴 독
Bichon Frise|비숑 프리제
Border Collie|보더 콜리
Border Terrier|보더 테리어
Borzoi|보르조이
Boston Terrier|보스턴 테리어
Boxer|복서
Brittany|브리타니
Bull Terrier|불 테리어
Bullmastiff|불마스티프
Cairn Terrier|케언 테리어
Cane Corso|카네 코르소
Cavalier King Charles Spaniel|카발리에 킹 찰스 스패니얼
Chihuahua|치와와
Chow Chow|차우차우
Collie|콜리
Coton de Tulear|코통 드 튈레아르
Dachshund|닥스훈트
Dalmatian|달마시안
Doberman|도베르만
Dogo Argentino|도고 아르헨티노
Dosa|도사견
English Bulldog|잉글리시 불독
English Cocker Spaniel|잉글리시 코커 스패니얼
English Setter|잉글리시 세터
English Springer Spaniel|잉글리시 스프링어 스패니얼
French Bulldog|프렌치 불독
German Shepherd|저먼 셰퍼드
German Shorthaired Pointer|저먼 쇼트헤어드 포인터
Golden Retriever|골든 리트리버
Great Dane|그레이트 데인
Great Pyrenees|그레이트 피레니즈
Greyhound|그레이하운드
Irish Setter|아이리시 세터
Italian Greyhound|이탈리안 그레이하운드
Jack Russell Terrier|잭 러셀 테리어
Japanese Spitz|재패니즈 스피츠
Jindo Dog|진돗개
Keeshond|케이스혼드
Labrador Retriever|래브라도 리트리버
Lhasa Apso|라사압소
Maltese|말티즈
Miniature Pinscher|미니어처 핀셔
Miniature Schnauzer|미니어처 슈나우저
Newfoundland|뉴펀들랜드
Norfolk Terrier|노퍽 테리어
Old English Sheepdog|올드 잉글리시 시프도그
Papillon|파피용
Pekingese|페키니즈
Pointer|포인터
Pomeranian|포메라니안
Poodle|푸들
Poongsan|풍산개
Pug|퍼그
Rhodesian Ridgeback|로디지안 리지백
Rottweiler|로트와일러
Saluki|살루키
Samoyed|사모예드
Sapsali|삽살개
Schnauzer|슈나우저
Scottish Terrier|스코티시 테리어
Shar Pei|샤페이
Shetland Sheepdog|셰틀랜드 시프도그
Shiba Inu|시바견
Shih Tzu|시추
Siberian Husky|시베리안 허스키
Spitz|스피츠
St. Bernard|세인트 버나드
Staffordshire Bull Terrier|스태퍼드셔 불 테리어
Tibetan Mastiff|티베탄 마스티프
Tibetan Terrier|티베탄 테리어
Vizsla|비즐라
Weimaraner|와이마라너
Welsh Corgi|웰시 코기
West Highland White Terrier|웨스트 하이랜드 화이트 테리어
Whippet|휘핏
Wire Fox Terrier|와이어 폭스 테리어
Yorkshire Terrier|요크셔 테리어
"""


def add(apps, schema_editor):
    Breed = apps.get_model("dogs", "Breed")
    names = (line.split("|") for line in BREEDS.strip().splitlines())
    Breed.objects.bulk_create(
        [Breed(slug=slugify(en, allow_unicode=True), name_en=en, name_ko=ko) for en, ko in names],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("dogs", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop, elidable=False)]
