from mcc import PASS, Action, Element, Packet, element


@element(cores=2)
class Two(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return PASS


instance = Two()
