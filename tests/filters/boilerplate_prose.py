"""Prose about the things that promotion talks of. Written for these tests; every line must survive."""

CHINESE = """
二维码是一种用黑白方块记录信息的图形，最早由一家日本公司在1994年发明。
扫描二维码之后，手机先要找到三个角上的定位图案，再计算整张图的倾斜角度。
警方提醒市民，不要随意扫描路边的二维码领取礼品，谨防个人信息泄露。
老人站在超市门口，店员教她怎样用手机扫码付款，她学了三遍才记住。
博物馆在每件展品旁边都放了一张二维码，观众扫码就能听到五分钟的讲解。
公众号文章的平均打开率从2015年的百分之十七降到了现在的不足百分之三。
他从2014年开始运营公众号，最初三个月只有四十七个人关注。
这家出版社把公众号当作编辑部的延伸，编辑们轮流回复读者的来信。
微信红包的灵感来自广东人过年时派利是的习俗，第一年只上线了半个月。
除夕夜，一家人围坐在一起抢红包，奶奶抢到了最大的一个，笑得合不拢嘴。
红包在民间又叫压岁钱，古人相信它能压住邪祟，保佑孩子平安。
著作权法规定，未经著作权人许可，复制、发行其作品的，应当承担民事责任。
法院认为，被告未经授权转载原告的文章，侵犯了原告的信息网络传播权。
版权归属一直是音乐行业争论的焦点，词曲作者往往拿不到应得的收入。
这首歌的版权在二十年间转手四次，最后回到了作曲家的女儿手里。
研究发现，点赞和转发会让人更愿意相信一条没有来源的消息。
他在朋友圈里看到同学点赞了那张照片，犹豫了很久，还是没有评论。
收藏古籍的人越来越少，能看懂批注的人就更少了。
母亲把孩子的每一张奖状都收藏在一个铁盒子里，搬了三次家也没有丢。
她笑着说，你加我微信吧，回头我把照片发给你。
两个陌生人在火车上聊了一路，下车前互相加了微信，从此再也没有联系。
免费开放之后，这座公园的日均客流量从八百人增加到了两万人。
根据新规，义务教育阶段的教科书由国家免费提供。
世上没有免费的午餐，天上掉下来的馅饼多半是陷阱。
这门课程的教学大纲分为三个部分：基础理论、实验操作和课程设计。
教材的第一章讲函数，第二章讲极限，第三章才开始讲导数。
优惠券的发放方式会影响复购率，我们在三个城市做了对比实验。
房价原价一百二十万，业主急售，最后以九十八万成交。
十年前这里的茶叶每斤只要三十元，现在涨到了一千二百元。
直播带货兴起之后，许多果农第一次见到了千里之外的买主。
登录后台之后，先检查数据库的连接数，再看慢查询日志。
忘记密码的用户可以通过注册时填写的邮箱重新设置，这个流程最容易被攻击。
会员制超市的利润主要来自会费，而不是商品的差价。
文章的作者是一位退休的中学教师，他用十二年时间整理了全县的方言。
上一篇日记写于1937年的夏天，下一篇已经是三年之后。
阅读量最高的那篇文章，写的是她父亲修了一辈子的那座桥。
编辑部收到的来稿里，十篇有八篇写的是故乡。
请勿在加油站使用手机的规定，最初来自对静电的担心。
广告学认为，重复是记忆之母，但重复超过七次就会引起反感。
评论区里有人问，为什么河水到了冬天反而更清。
小程序的启动时间由下载、解析和首次渲染三部分组成。
订阅制改变了软件的定价方式，也改变了开发者更新的节奏。
长按电源键十秒可以强制重启，长按音量键则会进入恢复模式。
扫描仪的分辨率越高，文件就越大，普通文档用三百点就够了。
名额有限的学校采用抽签的办法，家长们对此意见不一。
活动结束之后，志愿者把剩下的矿泉水全部送给了环卫工人。
专家建议，投资者应当分散风险，不要把所有的钱放在一种资产上。
往期的获奖作品大多取材于农村，今年第一次有了外卖骑手的故事。
推荐这本书的人说它治好了他的失眠，批评它的人说它确实让人想睡。
感谢信写得很短，只有三行，却被他压在玻璃板下面二十年。
我家的房子当年只要八万元，如今已经涨到了三百多万。
门口的小店卖早点，一碗豆浆只要两块钱，老板娘每天四点就起床。
这家老字号的酱油卖到十二元一瓶，比超市里的贵一倍，街坊们还是认它。
商场促销的时候，第二件半价的牌子挂得到处都是，他却一件也没有买。
村里成立了一个读书会，每周六晚上在祠堂里念一章小说。
她拉了一个家长群，本来是为了通知放学时间，后来变成了攀比的场所。
老师建了一个微信群，把每天的作业发在里面，有的家长到半夜还在问问题。
那年冬天，剧组只剩最后三个位置，他抱着试一试的心情报了名。
培训班招生的消息传开以后，镇上的铁匠和木匠都来报名。
志愿者招募从三月开始，到五月底已经有两千多人报名。
今年的高考报名工作将于十一月启动，考生应当在规定时间内提交材料。
这支股票连续三个涨停，之后又连续跌了一个月，很多散户被套在高位。
所谓的带单老师，往往一边喊单一边在反方向下注。
他免费帮邻居修水管修了二十年，从来没有收过一分钱。
医生免费给山里的老人检查眼睛，一天看了八十多个病人。
不要重复提交表单，否则服务器会生成两条订单记录。
暗号对上之后，两个人一前一后走进了茶馆的后院。
价格：三级评价体系中的第二项，占总分的百分之三十。
原价是消费者判断折扣大小的参照，心理学上称为锚定效应。
满减活动的设计要考虑客单价，门槛定得太高，用户就会放弃凑单。
优惠券抵扣的金额在会计上应当冲减收入，而不是记入销售费用。
直播间里的主播说得口干舌燥，屏幕上的数字却迟迟不动。
这本手册整理了三百种常见野菜的图片，由县农业局免费发放。
我把祖父的信整理成一册，一共一百二十七封，最早的一封写于一九四三年。
学校为毕业生整理了一份求职指南，内容包括简历、面试和劳动合同三个部分。
右上角的小字写着出版的年份，右下角盖着一枚模糊的藏书章。
点击右上角的齿轮图标，在弹出的菜单里选择网络，就可以修改代理地址。
选中文字以后右键复制，再到目标单元格粘贴，格式会跟着一起过来。
大家好像都忘了这件事，只有她还记得那天下着雨。
更多的时候，他们只是坐在门槛上，看远处的山一点点暗下去。
更多的证据表明，这种鸟在冬天并不迁徙。
每天一小时的阅读，坚持三十年，就是一万多个小时。
每晚九点，灯塔的光准时扫过海面，渔民们靠它辨认航道。
不构成犯罪的，由公安机关处以警告或者五百元以下罚款。
该药不能替代胰岛素治疗，停药前必须咨询医生。
合同约定，买方不满意可以在七天内退货，运费由卖方承担。
当年的“学不会全额退款”的承诺，最后成了一纸空文。
二手书店的老板把每本书都标了价，五元、八元、十二元，用铅笔写在扉页上。
本店创立于光绪年间，最初只卖三样东西：针、线和顶针。
面馆的招牌上写着“营业时间六点到十四点”，卖完就关门。
他在超市门口发传单，一天站八个小时，能挣一百二十元。
供货商把价格谈到了每吨三千二百元，比去年低了近一成。
喝酒不开车这句话，交警在村口的喇叭里念了整整一个冬天。
网店的退货率高达三成，快递站里堆满了拆开又封上的纸箱。
这款开源软件的授权允许商业使用，只要保留原作者的声明。
读者群体的变化，使得这份报纸不得不在头版增加图片。
文末的参考文献按作者姓氏的拼音排序，网络资料须注明访问日期。
为了让更多人看到这幅壁画，修复小组在洞窟外搭了一座复制的展厅。
关注度的提高并没有带来票房，这部影片上映十天就下线了。
收藏家临终前把全部画作捐给了美术馆，只留下一张母亲的肖像。
""".strip().split("\n")

ENGLISH = """
Cookies should cool on the tray for five minutes, because warm cookies break when you move them.
Her grandmother's oatmeal cookies used twice the butter and half the sugar of any recipe we had tried.
A session cookie is deleted when the browser closes, while a persistent cookie stays until its date has passed.
In 1994 an engineer gave the name cookie to a small piece of state that a server asks a browser to keep.
The best way to read more books is to keep one in every room and to leave the phone in the kitchen.
Children who read more at home arrive at school with a larger vocabulary.
The newsletter was printed in the basement of the church and carried by bicycle to the farms.
He subscribed to the theory that the comet had wiped out the large mammals of the continent.
Copyright in the song passed to the composer's daughter, who had never heard it performed.
The court held that the copyright notice was not required for the protection of unpublished letters.
All rights that are not enumerated in the treaty are reserved to the member states.
Privacy is hard to define, and every policy that claims to protect it begins with a definition.
Sharing a single kitchen among nine families, they learned to cook at odd hours.
Twitter and Facebook were both used to organise the protests, but most people heard of them from neighbours.
She followed the river on foot from its source to the sea and wrote a book about the mills.
The log in question was found at the bottom of the lake, and its rings were counted twice.
Students sign up for the course in April, and about a third of them drop it before the first exam.
The advertisement ran for eleven years without a change, and sales doubled in the ninth.
Comments on the draft were collected by the clerk and bound in a volume of four hundred pages.
The previous chapter described the engine, and the next describes the gearbox.
The ship's captain posted the list on the mast, where every sailor could read it.
Donations of blood fall by a fifth in August, when schools are closed and donors are away.
The tip of the glacier has retreated by two kilometres since the first photograph was taken.
A related species lives on the southern islands, where it feeds on the seeds of a single tree.
Most popular histories of the war begin with the assassination and end with the treaty.
The terms of the loan were generous, and the bank regretted them within a year.
Search parties went home at dusk, and the menu at the inn was reduced to soup.
Shop windows were dark by order of the mayor, and the trams ran without lamps.
The free trial of the three prisoners was watched by the whole town.
Click beetles right themselves by snapping a hinge in the body, and the sound can be heard across a room.
""".strip().split("\n")
