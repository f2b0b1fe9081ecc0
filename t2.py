from mcc import chain
from mcc.std import *
a = chain("lan ~> i :: TCPIn ~> w :: WordMatcher(b'ATTACK') ~> o :: TCPOut ~> wan; wan ~> o ~> w ~> i ~> lan")
b = chain("duplex(lan, TCPIn ~> WordMatcher(b'ATTACK') ~> TCPOut, wan)")
