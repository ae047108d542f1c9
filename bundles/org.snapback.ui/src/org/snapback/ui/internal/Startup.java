// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal;

import org.eclipse.ui.IStartup;
import org.eclipse.ui.PlatformUI;
import org.snapback.core.image.KnownImages;
import org.snapback.debug.CdtOptIn;

/** Begins, once the workbench is up, to follow the sessions, the launches that want to become one, and what is saved. */
public final class Startup implements IStartup {

    @Override
    public void earlyStartup() {
        CdtOptIn.install();
        KnownImages.get();
        PlatformUI.getWorkbench().getDisplay().asyncExec(TargetSession::get);
    }
}
