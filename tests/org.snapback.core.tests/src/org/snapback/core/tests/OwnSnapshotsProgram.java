// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import org.snapback.api.Snapback;
import org.snapback.api.SnapbackException;

/** A program, run by a Java machine of its own, that takes a snapshot and prints what it came back to as numbers. */
public final class OwnSnapshotsProgram {

    private OwnSnapshotsProgram() {}

    public static void main(String[] arguments) throws InterruptedException {
        System.out.println(Snapback.isControlled() ? 100 : 0);
        Snapback.Answer answer = Snapback.snapshot("from within");
        System.out.println(200 + answer.ordinal());
        try (Snapback.Disabled quiet = Snapback.disabled()) {
            System.out.println(300 + Snapback.status().disabled());
        }
        try {
            Snapback.enable();
        } catch (SnapbackException expected) {
            System.out.println(400 + expected.errno());
        }
        Thread.sleep(Long.MAX_VALUE);
    }
}
