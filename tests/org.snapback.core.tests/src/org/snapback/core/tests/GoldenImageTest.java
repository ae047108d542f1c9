// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.image.ImageDescriptor;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.ImageFormatException;
import org.snapback.core.image.ImageMapping;
import org.snapback.core.image.ImageProcess;

/** The golden images, which the native reader is tested with as well: they are read for ever. */
@Timeout(60)
class GoldenImageTest {

    private static final Path GOLDEN = Path.of(System.getProperty("snapback.golden"));

    @TempDir
    Path folder;

    @Test
    void readsTheFirstAsEver() throws Exception {
        ImageFile image = ImageFile.read(GOLDEN.resolve("first.img"));

        image.verify(null);
        assertEquals("first golden", image.facts().name());
        assertEquals(List.of(), image.facts().ancestors());
        ImageProcess program = image.facts().program();
        assertEquals(20001, program.pid());
        assertEquals("/golden/ticking", program.executable());
        assertEquals(
                List.of(
                        ImageDescriptor.Kind.DEVICE,
                        ImageDescriptor.Kind.OUTSIDE,
                        ImageDescriptor.Kind.DEVICE,
                        ImageDescriptor.Kind.SHARED_OBJECT,
                        ImageDescriptor.Kind.EVENTFD,
                        ImageDescriptor.Kind.PIPE,
                        ImageDescriptor.Kind.PIPE),
                program.descriptors().stream().map(ImageDescriptor::kind).toList());
        assertTrue(program.threads().get(0).where().startsWith("ticking+0x"), program.threads().toString());
    }

    @Test
    void readsTheSecondAsEver() throws Exception {
        ImageFile first = ImageFile.read(GOLDEN.resolve("first.img"));
        ImageFile second = ImageFile.read(GOLDEN.resolve("second.img"));

        second.verify(null);
        assertEquals(first.id(), second.facts().ancestors().get(0).id());
        assertEquals("first.img", second.facts().ancestors().get(0).path());
        assertEquals(32 << 10, mapping(second, 0x20000000L).storedBytes());
        assertEquals(8 << 10, mapping(second, 0x30000000L).storedBytes());
        assertTrue(second.memory().referred() > 0);
    }

    private static ImageMapping mapping(ImageFile image, long start) {
        return image.facts().program().mappings().stream()
                .filter(m -> m.start() == start)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void findsOrSurvivesEveryFlippedBit() throws Exception {
        byte[] golden = Files.readAllBytes(GOLDEN.resolve("second.img"));
        Random random = new Random(3);
        for (int round = 0; round < 1000; round++) {
            byte[] flipped = golden.clone();
            int bit = random.nextInt(8 * (round % 2 == 0 ? golden.length : 256));
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            readOrRefuse(flipped);
        }
    }

    @Test
    void refusesEveryTruncatedCopy() throws Exception {
        byte[] golden = Files.readAllBytes(GOLDEN.resolve("first.img"));
        for (int size = 0; size < golden.length; size += 97) {
            assertFalse(readOrRefuse(Arrays.copyOf(golden, size)), size + " bytes");
        }
    }

    /** @return true: it was read */
    private boolean readOrRefuse(byte[] bytes) throws IOException {
        Path file = Files.write(folder.resolve("copy.img"), bytes);
        try {
            ImageFile.read(file).verify(null);
            return true;
        } catch (ImageFormatException e) {
            assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
            return false;
        }
    }
}
